"""Faults in real processes, and that they are undone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from drill.faults import Targets, freeze, kill, slowed, thaw
from local_stack import processes
from tests.helpers import PATIENCE

WAIT = "import time; time.sleep(300)"  # longer than any test, and not for ever


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class FakeStack:
    """Processes that wait, each with a role in a stack."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.targets = Targets(mark)
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self, role: str, *words: str, mark: str = "") -> psutil.Process:
        """words: on its command line."""
        environment = {**os.environ, processes.MARK: mark or self.mark, processes.ROLE: role}
        self._children.append(subprocess.Popen([sys.executable, "-c", WAIT, *words], env=environment))
        return psutil.Process(self._children[-1].pid)

    def end(self) -> None:
        for child in self._children:
            child.kill()
            child.wait()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[FakeStack]:
    stack = FakeStack(str(tmp_path / "stack"))
    yield stack
    stack.end()


def slow_down_and_interrupt(stack: FakeStack, process: psutil.Process) -> None:
    with slowed(stack.targets, 1, share=0.2):
        wait_for(lambda: process.status() == psutil.STATUS_STOPPED)
        wait_for(lambda: process.status() != psutil.STATUS_STOPPED)
        raise KeyboardInterrupt


def test_the_targets_are_those_of_the_stack_and_no_others(stack: FakeStack) -> None:
    jvm = stack.start("worker-1", "org.apache.spark.executor.CoarseGrainedExecutorBackend")
    python = stack.start("worker-1", "-m", "image_scoring.worker.daemon", "pyspark.worker")
    stack.start("worker-2", "image_scoring.worker.daemon")
    driver = stack.start("scheduler", "predict.py", "--run-key=1")
    stack.start("scheduler", "airflow", "scheduler")
    stack.start("worker-1", "image_scoring.worker.daemon", mark="another")
    wait_for(lambda: len(processes.find(stack.mark)) == 5)
    assert {process.pid for process in stack.targets.worker(1)} == {jvm.pid, python.pid}
    assert [process.pid for process in stack.targets.scoring(1)] == [python.pid]
    assert [process.pid for process in stack.targets.driver()] == [driver.pid]


def test_what_is_frozen_is_thawed_and_what_is_gone_is_no_error(stack: FakeStack) -> None:
    one, gone = stack.start("worker-1"), stack.start("worker-1")
    kill([gone])
    freeze([one, gone])
    wait_for(lambda: one.status() == psutil.STATUS_STOPPED)
    thaw([one, gone])
    wait_for(lambda: one.status() != psutil.STATUS_STOPPED)


def test_the_slowed_run_again_when_it_is_over_however_it_ends(stack: FakeStack) -> None:
    process = stack.start("worker-1", "image_scoring.worker.daemon")
    wait_for(lambda: stack.targets.scoring(1))
    with pytest.raises(KeyboardInterrupt):
        slow_down_and_interrupt(stack, process)
    assert process.status() != psutil.STATUS_STOPPED

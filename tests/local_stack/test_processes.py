"""The processes of a stack are found and ended, among them those that hide their environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from local_stack import processes
from local_stack.processes import MARK, ROLE, end_all, find
from tests.helpers import wait_until

# A process with a child that ignores SIGTERM. Both wait, and the child survives its parent.
CHILD = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(300)"
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}, "child"], stdout=subprocess.PIPE)
child.stdout.read(1)
print(flush=True)
time.sleep(300)
"""


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    mark = str(tmp_path)
    environment = {**os.environ, MARK: mark, ROLE: "triggerer"}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], env=environment, stdout=subprocess.PIPE, start_new_session=True
    ) as parent:
        try:
            assert parent.stdout
            parent.stdout.read(1)
            yield mark
        finally:
            with suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)


@pytest.fixture
def hidden(mark: str, monkeypatch: pytest.MonkeyPatch) -> psutil.Process:
    """The child, as Airflow's executors look to a user who is not root."""
    (child,) = [process for process in find(mark) if "child" in process.cmdline()]
    environ = psutil.Process.environ

    def hide(process: psutil.Process) -> Any:
        if process.pid == child.pid:
            raise psutil.AccessDenied(process.pid)
        return environ(process)

    monkeypatch.setattr(psutil.Process, "environ", hide)
    return child


def test_a_process_that_hides_its_environment_has_the_role_of_its_parent(mark: str, hidden: psutil.Process) -> None:
    assert hidden in find(mark)
    assert hidden in find(mark, "triggerer")
    assert find(mark, "scheduler") == []
    assert find(mark + "/another") == []


def test_a_child_that_survives_its_parent_is_ended(
    mark: str, hidden: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "TERMINATE_SECONDS", 0.5)
    end_all(mark)
    wait_until(lambda: not hidden.is_running() or hidden.status() == psutil.STATUS_ZOMBIE)
    assert processes.find(mark) == []

"""Runs the README's commands as a person does, and finds what they leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local_stack import processes
from local_stack.layout import Layout

REPOSITORY = Path(__file__).resolve().parents[2]
RUN_SECONDS = 1200.0  # of a busy machine; a command that hangs has failed


def project_path() -> dict[str, str]:
    """An environment in which Python finds the project's packages."""
    folders = [str(REPOSITORY / name) for name in ("spark_jobs", "dags", "plugins", ".")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}


@dataclass(frozen=True)
class Finished:
    code: int
    output: str


class Command:
    """A command in a session of its own, so that a Ctrl-C reaches its processes and no others."""

    def __init__(self, *words: str, log: Path, environment: dict[str, str] | None = None) -> None:
        self.log = log
        with open(log, "wb") as output:
            self._process = subprocess.Popen(
                words,
                cwd=REPOSITORY,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Tests that run in the background ignore Ctrl-C, and children inherit that.
                preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
            )

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.killpg(self._process.pid, signal.SIGINT)

    def ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self, seconds: float = RUN_SECONDS) -> Finished:
        try:
            code = self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise AssertionError(f"still running after {seconds:.0f} s:\n{self.output}") from None
        return Finished(code, self.output)


def make(target: str, workspace: Path, *, environment: dict[str, str] | None = None, **options: object) -> Command:
    """`make TARGET WORKSPACE=... NAME=VALUE ...`, started. Options are given in lower case."""
    words = [f"{name.upper()}={value}" for name, value in options.items()]
    log = workspace.parent / f"{workspace.name}-{target}-{time.monotonic_ns()}.log"
    return Command("make", target, f"WORKSPACE={workspace}", *words, log=log, environment=environment)


def wait_until(
    condition: Callable[[], object], what: str, command: Command | None = None, seconds: float = 600
) -> None:
    """Polls `condition` until it holds; fails with `what` at the deadline, or when the command ended before."""
    deadline = time.monotonic() + seconds
    while not condition():
        output = command.output if command else ""
        assert not (command and command.ended() and not condition()), f"ended before {what}:\n{output}"
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s\n{output}"
        time.sleep(0.1)


def processes_of(workspace: Path) -> list[str]:
    """The processes of the stack of `workspace` that still run."""
    return [f"{process.pid} {process.name()}" for process in processes.find(Layout(workspace).mark)]


def leftovers(workspace: Path) -> list[Path]:
    """Half-written files below `workspace`."""
    return [path for path in workspace.rglob("*.part") if path.parent.name != "downloads"]

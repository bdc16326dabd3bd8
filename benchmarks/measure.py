"""One command from start to end: seconds, and the memory of everything it started."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.5


class ContenderError(Exception):
    """One line: which contender failed, how, and where to look."""


@dataclass(frozen=True)
class Measured:
    seconds: float
    peak_mb: float


def measure(
    name: str,
    command: list[str],
    environment: Mapping[str, str],
    log: Path,
    limit_seconds: float,
    elsewhere: psutil.Process | None = None,
) -> Measured:
    """Runs `command` and waits for it.

    elsewhere: a process whose children also work for the command, as executors do. Raises ContenderError when it
    fails or takes more than `limit_seconds`; it is ended then, with all that it started.
    """
    with open(log, "ab") as output:
        started = time.monotonic()
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        family = Family(process.pid, elsewhere)
        late = threading.Event()

        def give_up() -> None:
            late.set()
            family.kill()

        timer = threading.Timer(limit_seconds, give_up)
        timer.start()
        try:
            with Sampler(family.memory) as sampler:
                code = process.wait()
                seconds = time.monotonic() - started
        finally:
            timer.cancel()
            family.kill()
            process.wait()
    if late.is_set():
        raise ContenderError(f"{name}: not done after {limit_seconds:.0f} s, given up; see {log}")
    if code:
        raise ContenderError(f"{name}: it ended with code {code}; see {log}")
    return Measured(seconds, sampler.peak / 1e6)


class Family:
    """A process, its children's children, and those of the process elsewhere."""

    def __init__(self, pid: int, elsewhere: psutil.Process | None) -> None:
        self._process = psutil.Process(pid)
        self._elsewhere = elsewhere

    def memory(self) -> int:
        """Bytes, with what processes share counted once where the system tells it."""
        members = self._own() + (_children(self._elsewhere) if self._elsewhere else [])
        return sum(map(memory_of, members))

    def kill(self) -> None:
        for process in self._own():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue

    def _own(self) -> list[psutil.Process]:
        return [*_children(self._process), self._process]


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def memory_of(process: psutil.Process) -> int:
    """Proportional set size in bytes; resident size where there is none; 0 for a process that has gone."""
    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", full.rss))
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except (psutil.Error, OSError):
        return 0


class Sampler:
    """The largest of what `probe` says, asked every half second while the block lasts."""

    def __init__(self, probe: Callable[[], int]) -> None:
        self.peak = 0
        self._probe = probe
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, self._probe())

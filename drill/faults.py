"""Faults that are caused in the processes of a stack. Each can be undone, except a kill."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from local_stack import processes

# A slowed process runs for a share of each period.
PERIOD_SECONDS = 0.5


@dataclass(frozen=True)
class Targets:
    """The processes of the stack with this mark (Layout.mark), by their role."""

    mark: str

    def worker(self, number: int) -> list[psutil.Process]:
        """Return Spark worker `number` with its executors and their Python workers."""
        return processes.find(self.mark, f"worker-{number}")

    def scoring(self, number: int) -> list[psutil.Process]:
        """Return the Python workers of Spark worker `number`."""
        return [process for process in self.worker(number) if _runs(process, "image_scoring.worker.daemon")]

    def driver(self) -> list[psutil.Process]:
        """Return spark-submit's JVM and the Python process of predict.py, of the run that is in progress."""
        found = processes.find(self.mark, "scheduler")
        return [process for process in found if _runs(process, "predict.py") and not _runs(process, "airflow")]


def _runs(process: psutil.Process, word: str) -> bool:
    try:
        return any(word in argument for argument in process.cmdline())
    except psutil.Error:
        return False


def kill(targets: list[psutil.Process]) -> None:
    """Send SIGKILL and wait until the processes have ended."""
    processes.kill(targets)
    psutil.wait_procs(targets, timeout=processes.KILL_SECONDS)


def freeze(targets: list[psutil.Process]) -> None:
    """Send SIGSTOP."""
    for process in targets:
        with suppress(psutil.NoSuchProcess):
            process.suspend()


def thaw(targets: list[psutil.Process]) -> None:
    """Send SIGCONT."""
    for process in targets:
        with suppress(psutil.NoSuchProcess):
            process.resume()


@contextmanager
def slowed(targets: Targets, number: int, share: float) -> Iterator[None]:
    """Let the Python workers of Spark worker `number` run for `share` of the time only, inside the block."""
    over = threading.Event()

    def hold_back() -> None:
        held = targets.scoring(number)
        while not over.is_set():
            freeze(held)
            found = targets.scoring(number)  # while they are frozen, because the search takes time
            over.wait(PERIOD_SECONDS * (1 - share))
            thaw(held)
            over.wait(PERIOD_SECONDS * share)
            held = found

    thread = threading.Thread(target=hold_back, name=f"slows worker {number}")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

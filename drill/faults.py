"""What goes wrong on purpose, to the processes of a stack; each fault can be taken back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from local_stack import processes

# Of each period a slowed process may run for its share.
PERIOD_SECONDS = 0.5


@dataclass(frozen=True)
class Victims:
    """The processes of one stack, by their part in it. mark: what they carry in their environment."""

    mark: str

    def worker(self, number: int) -> list[psutil.Process]:
        """Spark worker `number` with its executors and their Python workers."""
        return processes.find(self.mark, f"worker-{number}")

    def scoring(self, number: int) -> list[psutil.Process]:
        """The Python workers of Spark worker `number`."""
        return [process for process in self.worker(number) if _runs(process, "image_scoring.worker.daemon")]

    def driver(self) -> list[psutil.Process]:
        """spark-submit's JVM and the Python of predict.py, of whatever run is at work."""
        found = processes.find(self.mark, "scheduler")
        return [process for process in found if _runs(process, "predict.py") and not _runs(process, "airflow")]


def _runs(process: psutil.Process, word: str) -> bool:
    try:
        return any(word in argument for argument in process.cmdline())
    except psutil.Error:
        return False


def kill(victims: list[psutil.Process]) -> None:
    """kill -9; returns when they are gone."""
    processes.kill(victims)
    psutil.wait_procs(victims, timeout=processes.KILL_SECONDS)


def freeze(victims: list[psutil.Process]) -> None:
    for process in victims:
        with suppress(psutil.NoSuchProcess):
            process.suspend()


def thaw(victims: list[psutil.Process]) -> None:
    for process in victims:
        with suppress(psutil.NoSuchProcess):
            process.resume()


@contextmanager
def slowed(victims: Victims, number: int, share: float) -> Iterator[None]:
    """Inside, the Python workers of Spark worker `number` run for `share` of the time only."""
    over = threading.Event()

    def hold_back() -> None:
        held = victims.scoring(number)
        while not over.is_set():
            freeze(held)
            found = victims.scoring(number)  # while they stand still, for it takes its time
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

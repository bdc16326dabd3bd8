"""The load of a regular run, and the numbers of workers that fit it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from run_contract.formatting import count, duration, share
from runtime_guard.forecast.capacity import (
    cores_needed,
    days_to_catch_up,
    run_seconds,
    workers_needed,
    workers_needed_with_one_lost,
)

LINES = 16
"""The most numbers of workers that a table compares."""
EXTRA = 2
"""Workers beyond those that are enough with one lost."""


@dataclass(frozen=True)
class Load:
    """A run in each interval.

    rows: of each run. seconds_per_row: on one core. buffer: share of the interval to keep free. overhead: seconds of
    start-up and end. backlog_days: days of rows left over from an outage.
    """

    rows: float
    seconds_per_row: float
    interval: timedelta
    buffer: float
    cores_per_worker: int
    overhead: float
    backlog_days: float

    @property
    def interval_seconds(self) -> float:
        return self.interval.total_seconds()

    @property
    def limit_seconds(self) -> float:
        """The interval less the buffer: the longest that a run should take."""
        return self.interval_seconds * (1 - self.buffer)

    def seconds(self, workers: int) -> float:
        return run_seconds(self.rows, self.seconds_per_row, workers * self.cores_per_worker, self.overhead)

    def fits(self, workers: int) -> bool:
        enough = self._workers(workers_needed)
        return enough is not None and workers >= enough

    def fits_with_one_lost(self, workers: int) -> bool:
        enough = self.enough_with_one_lost()
        return enough is not None and workers >= enough

    def enough_with_one_lost(self) -> int | None:
        return self._workers(workers_needed_with_one_lost)

    def cores(self) -> int | None:
        return cores_needed(self.rows, self.seconds_per_row, self.limit_seconds, self.overhead)

    def days_to_catch_up(self, workers: int) -> float | None:
        backlog = self.rows * self.backlog_days * 86_400 / self.interval_seconds
        each, cost = self.cores_per_worker, self.seconds_per_row
        return days_to_catch_up(
            backlog, self.rows, workers, each, cost, self.interval_seconds, self.buffer, self.overhead
        )

    def _workers(self, needed: Callable[..., int | None]) -> int | None:
        return needed(self.rows, self.seconds_per_row, self.limit_seconds, self.cores_per_worker, self.overhead)


def worker_counts(load: Load) -> list[int]:
    """Return at most LINES numbers of workers to compare, up to EXTRA more than are needed with one lost."""
    top = (load.enough_with_one_lost() or LINES - EXTRA) + EXTRA
    if top <= LINES:
        return list(range(1, top + 1))
    last = range(top - LINES // 2 + 1, top + 1)  # one by one near the decision
    return sorted({max(round(last[0] * part / (LINES // 2)), 1) for part in range(LINES // 2)} | set(last))


def describe(load: Load) -> str:
    """Return in one line what the load needs."""
    alone = duration(run_seconds(load.rows, load.seconds_per_row, 1, load.overhead))
    limit = f"{duration(load.interval_seconds)} with {share(load.buffer, 0)} buffer"
    cores, workers = load.cores(), load.enough_with_one_lost()
    if cores is None or workers is None:
        return f"one core takes {alone}; no number of workers fits into {limit}: start-up and end alone take longer"
    needed = f"{count(cores, 'core')}: {count(workers - 1, 'worker')}, {count(workers)} if one may be lost"
    return f"one core takes {alone}; {limit} needs {needed}"

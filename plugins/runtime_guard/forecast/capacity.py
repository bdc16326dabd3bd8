"""How many cores and workers a run needs. Pure: no Airflow, no clock."""

from __future__ import annotations

import math

_ROUNDING = 1e-9  # what a division may be off: 16 cores must not become 17


def cores_needed(rows: float, core_seconds_per_row: float, seconds: float, overhead_seconds: float = 0.0) -> int | None:
    """The fewest cores that get through `rows` within `seconds`, of which `overhead_seconds` (start-up and end) do not
    depend on the cores; None when no number of cores does it."""
    working = seconds - overhead_seconds
    if working <= 0:
        return None
    return max(math.ceil(rows * core_seconds_per_row / working * (1 - _ROUNDING)), 1)


def workers_needed(
    rows: float, core_seconds_per_row: float, seconds: float, cores_per_worker: int, overhead_seconds: float = 0.0
) -> int | None:
    """As cores_needed, in whole workers."""
    cores = cores_needed(rows, core_seconds_per_row, seconds, overhead_seconds)
    return None if cores is None else math.ceil(cores / cores_per_worker)


def workers_needed_with_one_lost(
    rows: float, core_seconds_per_row: float, seconds: float, cores_per_worker: int, overhead_seconds: float = 0.0
) -> int | None:
    """The fewest workers that do it although one of them is lost, for good, at the worst moment.

    That is the first: everything is left to the others then. Later the lost worker has done a part, and what it had in
    hand and is done again is a shard for each of its cores, whenever it goes.
    """
    workers = workers_needed(rows, core_seconds_per_row, seconds, cores_per_worker, overhead_seconds)
    return None if workers is None else workers + 1


def run_seconds(rows: float, core_seconds_per_row: float, cores: int, overhead_seconds: float = 0.0) -> float:
    """How long a run takes on so many cores."""
    return overhead_seconds + rows * core_seconds_per_row / cores


def days_to_catch_up(
    backlog_rows: float,
    rows_per_interval: float,
    workers: int,
    cores_per_worker: int,
    core_seconds_per_row: float,
    interval_seconds: float,
    buffer: float,
    overhead: float,
) -> float | None:
    """The days after an outage until the backlog is gone, while new rows come in as ever; None: it never is.

    Each interval, less the buffer (a share of it) and the overhead (seconds), works off what the new rows leave free.
    """
    if backlog_rows <= 0:
        return 0.0
    working = max(interval_seconds * (1 - buffer) - overhead, 0.0)
    spare = working * workers * cores_per_worker / core_seconds_per_row - rows_per_interval
    return backlog_rows / spare * interval_seconds / 86_400 if spare > 0 else None

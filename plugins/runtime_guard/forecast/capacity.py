"""How many cores and workers a run needs."""

from __future__ import annotations

import math

_ROUNDING = 1e-9  # the error that a division may have: 16 cores must not become 17


def cores_needed(rows: float, core_seconds_per_row: float, seconds: float, overhead_seconds: float = 0.0) -> int | None:
    """Return the fewest cores that finish `rows` within `seconds`, or None if no number of cores does.

    overhead_seconds: the part of `seconds` for start-up and end, which more cores do not shorten.
    """
    working = seconds - overhead_seconds
    if working <= 0:
        return None
    return max(math.ceil(rows * core_seconds_per_row / working * (1 - _ROUNDING)), 1)


def workers_needed(
    rows: float, core_seconds_per_row: float, seconds: float, cores_per_worker: int, overhead_seconds: float = 0.0
) -> int | None:
    """Return the same as `cores_needed`, in whole workers."""
    cores = cores_needed(rows, core_seconds_per_row, seconds, overhead_seconds)
    return None if cores is None else math.ceil(cores / cores_per_worker)


def workers_needed_with_one_lost(
    rows: float, core_seconds_per_row: float, seconds: float, cores_per_worker: int, overhead_seconds: float = 0.0
) -> int | None:
    """Return the fewest workers that finish in time even if one of them is lost for good at the worst moment.

    The worst moment is the first: the others have to do everything. If the worker is lost later, it has done a part,
    and only the pieces in its hands, one for each of its cores, are done again.
    """
    workers = workers_needed(rows, core_seconds_per_row, seconds, cores_per_worker, overhead_seconds)
    return None if workers is None else workers + 1


def run_seconds(rows: float, core_seconds_per_row: float, cores: int, overhead_seconds: float = 0.0) -> float:
    """Return how long a run takes on `cores` cores."""
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
    """Return the days after an outage until the backlog is done while new rows arrive as usual; None for never.

    Each interval, less the buffer (a share of it) and the overhead (seconds), has capacity for the new rows; what is
    left of it reduces the backlog.
    """
    if backlog_rows <= 0:
        return 0.0
    working = max(interval_seconds * (1 - buffer) - overhead, 0.0)
    spare = working * workers * cores_per_worker / core_seconds_per_row - rows_per_interval
    return backlog_rows / spare * interval_seconds / 86_400 if spare > 0 else None

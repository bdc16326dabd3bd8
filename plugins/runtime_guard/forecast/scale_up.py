"""How many more workers let a run finish on time, and until when they must be there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from runtime_guard.forecast.capacity import workers_needed
from runtime_guard.forecast.run_status import RunStatus

JOIN_SECONDS = 30.0
"""The time from the start of a worker to its first row."""
REACTION_SHARE, LONGEST_REACTION = 0.1, 900.0
"""The time that a person has to react: this share of the time left, at most this many seconds."""


@dataclass(frozen=True)
class ScaleUp:
    """more: workers to add. total: all workers then. within: the time from now until they must be there."""

    more: int
    total: int
    within: timedelta


def find_scale_up(status: RunStatus) -> ScaleUp | None:
    """Return the fewest more workers with which 9 of 10 such runs finish on time; None if no number of workers helps.

    With W cores at work now and N from x seconds on, R core seconds of rows are done in time when
    W x + N (S - x) >= R, where S are the seconds left less start-up and end: so x = (N S - R) / (N - W).
    More workers than there are pieces left would have nothing to do.
    """
    forecast, deadline = status.forecast, status.observation.deadline_at
    workers, cores_each = workers_and_cores(status)
    rows = status.rows_total - status.rows_done
    if not forecast or not deadline or not workers or rows <= 0:
        return None
    at_work = workers * cores_each
    overhead = forecast.fixed_seconds + JOIN_SECONDS
    left = (deadline - status.observation.now).total_seconds()
    core_seconds = (forecast.p90_seconds - forecast.fixed_seconds) * at_work
    fewest = workers_needed(rows, core_seconds / rows, left, cores_each, overhead)
    if fewest is None:
        return None
    reaction = min(REACTION_SHARE * left, LONGEST_REACTION)
    total = max(fewest, workers + 1)
    while total * cores_each <= max_cores(status):
        cores = total * cores_each
        within = (cores * (left - overhead) - core_seconds) / (cores - at_work)
        if within >= reaction:
            return ScaleUp(total - workers, total, timedelta(seconds=within))
        total += 1
    return None


def workers_and_cores(status: RunStatus) -> tuple[int, int]:
    """Return the workers now and the cores of each; 0 workers if they are not known."""
    progress, plan = status.progress, status.plan
    workers = progress.workers or plan.workers
    cores = progress.cores or plan.cores
    each = plan.cores_per_worker or (cores // workers if workers else 0)
    return workers, max(each, 1)


def max_cores(status: RunStatus) -> int:
    """Return how many cores could have work: one for each piece left, by the plan before the first report."""
    return (status.progress.pieces_total or status.plan.pieces) - status.progress.pieces_done

"""How many more workers save a run, and until when. Pure: no Airflow, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from runtime_guard.forecast.capacity import workers_needed
from runtime_guard.forecast.run_status import RunStatus

JOIN_SECONDS = 30.0
"""A worker that is started now begins its first image so much later."""
REACTION_SHARE, LONGEST_REACTION = 0.1, 900.0
"""The time that a person is left to act: this share of what is left, at most so many seconds."""


@dataclass(frozen=True)
class ScaleUp:
    """more: workers beside those there are. total: all of them. within: seconds from now until they must be there."""

    more: int
    total: int
    within: timedelta


def find_scale_up(status: RunStatus) -> ScaleUp | None:
    """The fewest more workers with which 9 of 10 such runs end in time, with time to start them; None: nothing helps.

    With W cores at work now and N from x seconds on, R core seconds of rows are through in time when
    W x + N (S - x) >= R, where S are the seconds left less start-up and end: so x = (N S - R) / (N - W).
    Workers beyond the shards that are left would have nothing to do.
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
    """Workers now and cores of each; (0, ...) when it is not known."""
    progress, plan = status.progress, status.plan
    workers = progress.get("workers") or plan.get("workers") or 0
    cores = progress.get("cores") or plan.get("cores") or 0
    each = plan.get("cores_per_worker") or (cores // workers if workers else 0)
    return workers, max(each, 1)


def max_cores(status: RunStatus) -> int:
    """As many cores as there are shards to do; before the driver has begun, those of the plan."""
    progress = status.progress
    shards = progress.get("shards_total") or status.plan.get("shards") or 0
    return int(shards - (progress.get("shards_done") or 0))

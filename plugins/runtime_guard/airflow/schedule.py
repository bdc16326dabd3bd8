"""The interval of a run, from the schedule of its DAG. No database is used, so that it works in a worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from runtime_guard.airflow.airflow_internals import core_timetable
from runtime_guard.forecast.interval import RunInterval, make_run_interval

MISSED_LIMIT = 100


def next_run_after(dag: Any, run_after: datetime) -> datetime | None:
    """Return when the run after the one due at `run_after` is due; None for a schedule without times.

    data_interval cannot be used: for cron schedules it has no length.
    """
    from airflow.sdk import timezone
    from airflow.timetables.base import TimeRestriction

    timetable = core_timetable(dag.timetable)
    if not timetable.periodic:
        return None
    # A worker gets a plain datetime; timetables call methods that only Airflow's own has.
    interval = timetable.infer_manual_data_interval(run_after=timezone.coerce_datetime(run_after))
    following = timetable.next_dagrun_info(
        last_automated_data_interval=interval, restriction=TimeRestriction(None, None, True)
    )
    return following.run_after if following else None


def schedule_interval(dag: Any, moment: datetime) -> timedelta | None:
    """Return the next whole interval of the schedule: between the next two runs that are due after `moment`."""
    due = list(islice(_due_after(dag, moment), 2))
    return due[1] - due[0] if len(due) == 2 else None


def find_run_interval(
    dag: Any,
    run_type: str,
    run_after: datetime,
    buffer: float,
    interval: timedelta | None = None,
    started_at: datetime | None = None,
) -> RunInterval | None:
    """Return the interval of a run of this DAG; None without a deadline.

    run_type: as Airflow names it ("scheduled", "backfill", "manual", ...). A run that the schedule did not create, but
    a person or an asset, has one interval of the schedule from `run_after`.
    """
    following = next_run_after(dag, run_after)
    if run_type not in ("scheduled", "backfill"):
        length = schedule_interval(dag, run_after)
        following = run_after + length if length else None
    after_start = next_run_after(dag, started_at) if started_at else None
    return make_run_interval(run_after, following, buffer, interval, started_at, run_type == "backfill", after_start)


def missed_runs(dag: Any, previous_run_after: datetime, run_after: datetime) -> list[datetime]:
    """Return when runs were due between two consecutive runs, in UTC; at most the first MISSED_LIMIT of them."""
    missed = []
    for due in islice(_due_after(dag, previous_run_after), MISSED_LIMIT):
        if due >= run_after:
            break
        missed.append(due)
    return missed


def _due_after(dag: Any, moment: datetime) -> Iterator[datetime]:
    while (following := next_run_after(dag, moment)) and following > moment:
        yield following.astimezone(UTC)
        moment = following

"""The interval of a run, from the schedule of its DAG. No database access, so that it works in a worker."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def next_run_after(dag: Any, run_after: datetime) -> datetime | None:
    """When the run that follows the one due at `run_after` is due; None for schedules without a clock.

    data_interval is of no use here: for cron schedules it has no length.
    """
    from airflow.sdk import timezone
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    timetable = coerce_to_core_timetable(dag.timetable)
    if not timetable.periodic:
        return None
    # A worker gets a plain datetime; timetables call methods that only Airflow's own have.
    interval = timetable.infer_manual_data_interval(run_after=timezone.coerce_datetime(run_after))
    following = timetable.next_dagrun_info(
        last_automated_data_interval=interval, restriction=TimeRestriction(None, None, True)
    )
    return following.run_after if following else None

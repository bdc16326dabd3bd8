"""Alert on scheduled runs that were skipped because an earlier run had not ended."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from batch_predictions.context import run_of, run_type
from run_contract.formatting import clock, count
from runtime_guard.airflow.airflow_internals import find_previous_dag_run
from runtime_guard.airflow.alert_connection import send_alerts
from runtime_guard.airflow.schedule import missed_runs
from runtime_guard.alerting.alerts import raise_alert
from runtime_guard.alerting.levels import Level
from runtime_guard.alerting.watched_run import Alert
from runtime_guard.batch_run import BatchRun

log = logging.getLogger(__name__)

LOOK_BACK = 100
"""How many runs are searched for the previous scheduled one: nobody starts more by hand between two of them."""


def report_missed_runs(context: Any) -> None:
    """Raise one alert that names the runs which the schedule skipped between the previous scheduled run and this one.

    Runs that were due while no run was in progress are left out: the DAG was paused, or Airflow was down.
    """
    dag_run = context["dag_run"]
    if run_type(dag_run) != "scheduled":
        return
    earlier = earlier_runs(dag_run)
    if not earlier or run_type(earlier[-1]) != "scheduled":
        return
    last = max(earlier, key=lambda run: run.end_date or datetime.max.replace(tzinfo=UTC))
    due = missed_runs(context["dag"], earlier[-1].run_after, dag_run.run_after)
    skipped = [moment for moment in due if last.end_date is None or moment < last.end_date]
    if not skipped:
        return
    run = run_of(context)
    alert = Alert(Level.MISSED, f"run {run.run_key}: {describe_missed(last, skipped)}")
    if raise_alert(BatchRun(run), alert):
        log.warning("%s: %s", alert.level, alert.text)
        send_alerts([alert])


def earlier_runs(dag_run: Any) -> list[Any]:
    """Return the runs before this one, newest first, down to the previous scheduled one."""
    found: list[Any] = []
    while len(found) < LOOK_BACK and not (found and run_type(found[-1]) == "scheduled"):
        moment = (found[-1] if found else dag_run).logical_date
        previous = find_previous_dag_run(dag_run.dag_id, moment)
        if previous is None:
            break
        found.append(previous)
    return found


def describe_missed(last: Any, skipped: list[datetime]) -> str:
    """Name the skipped runs, the cause and the command that makes up for them. last: the run that ended latest."""
    moments = ", ".join(clock(moment) for moment in skipped)
    work = f"ran until {clock(last.end_date)}" if last.end_date else "is still running"
    return (
        f"the schedule skipped {count(len(skipped), 'run')} before it ({moments}), because {last.run_id} {work}; to "
        f"make up for {'it' if len(skipped) == 1 else 'them'}: airflow backfill create --dag-id {last.dag_id} "
        f"--from-date {skipped[0]:%Y-%m-%dT%H:%M} --to-date {skipped[-1]:%Y-%m-%dT%H:%M}"
    )

"""Scheduled runs that there never were, because a run before them was still at work."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from batch_predictions.run import run_of, run_type
from runtime_guard.airflow.channels import deliver
from runtime_guard.airflow.schedule import missed_runs
from runtime_guard.alerting.alerts import Alert, raise_alert
from runtime_guard.alerting.levels import Level

log = logging.getLogger(__name__)

# Runs by hand stand between two scheduled ones; nobody starts more of them.
LOOK_BACK = 100


def report_missed(context: Any) -> None:
    """Raises one alert that names the runs which the schedule has skipped between the scheduled run before and this.

    Those that were due while nothing was at work are left out: the DAG was paused, or Airflow was down.
    """
    dag_run = context["dag_run"]
    if run_type(dag_run) != "scheduled":
        return
    before = runs_before(dag_run)
    if not before or run_type(before[-1]) != "scheduled":
        return
    last = max(before, key=lambda run: run.end_date or datetime.max.replace(tzinfo=UTC))
    due = missed_runs(context["dag"], before[-1].run_after, dag_run.run_after)
    skipped = [moment for moment in due if last.end_date is None or moment < last.end_date]
    if not skipped:
        return
    run = run_of(context)
    alert = Alert(Level.MISSED, f"run {run.run_key}: {describe(last, skipped)}")
    if raise_alert(run, alert):
        log.warning("%s: %s", alert.level, alert.text)
        deliver([alert])


def runs_before(dag_run: Any) -> list[Any]:
    """The runs before this one, newest first, down to the scheduled one before it."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import GetPreviousDagRun

    found: list[Any] = []
    while len(found) < LOOK_BACK and not (found and run_type(found[-1]) == "scheduled"):
        moment = (found[-1] if found else dag_run).logical_date
        question = GetPreviousDagRun(dag_id=dag_run.dag_id, logical_date=moment)
        answer = task_runner.SUPERVISOR_COMMS.send(question).dag_run
        if answer is None:
            break
        found.append(answer)
    return found


def describe(last: Any, skipped: list[datetime]) -> str:
    """Which days, why, and how to have them all the same. last: the run that kept the schedule waiting longest."""
    runs = "1 scheduled run was" if len(skipped) == 1 else f"{len(skipped)} scheduled runs were"
    days = ", ".join(f"{moment:%Y-%m-%d %H:%M} UTC" for moment in skipped)
    work = f"was at work until {last.end_date:%Y-%m-%d %H:%M} UTC" if last.end_date else "is still at work"
    return (
        f"before it {runs} skipped ({days}): {last.run_id} {work}; to have them all the same: airflow backfill create "
        f"--dag-id {last.dag_id} --from-date {skipped[0]:%Y-%m-%dT%H:%M} --to-date {skipped[-1]:%Y-%m-%dT%H:%M}"
    )

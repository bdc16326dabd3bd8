"""A Deadline Alert of Airflow for what the sensor cannot see: a slow scheduler, a dead sensor, a run that never starts.

The scheduler checks the deadline and the executor runs the callback; neither needs the triggerer, in which the sensor
waits. The sensor has GRACE to raise its alert first, because its text has the forecast.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.configuration import conf
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert

from runtime_guard.airflow.airflow_internals import DagRunDeadline
from runtime_guard.airflow.alert_connection import send_alerts
from runtime_guard.airflow.schedule import find_run_interval
from runtime_guard.airflow.task_states import scheduler_state
from runtime_guard.airflow.test_mode import parsed_by_dags_test
from runtime_guard.alerting.alerts import raise_alert
from runtime_guard.alerting.levels import Level
from runtime_guard.alerting.watched_run import Alert
from runtime_guard.batch_run import find_run
from runtime_guard.forecast.interval import parse_interval
from runtime_guard.forecast.records import SchedulerState

log = logging.getLogger(__name__)

GRACE = timedelta(minutes=1)


def make_deadline_alert(workspace: Path) -> DeadlineAlert | None:
    """Return the deadline alert of a DAG whose runs are below `workspace`; None where it would do harm.

    `airflow dags test` crashes on a DAG that has one. If this package is not in Airflow's plugins folder, Airflow does
    not know the reference, and the scheduler could not create a run.
    """
    if parsed_by_dags_test() or not _is_plugin():
        return None
    callback = SyncCallback(report_breach, kwargs={"workspace": str(workspace)})
    return DeadlineAlert(RunDeadline(), GRACE, callback, name="deadline_alert")


def _is_plugin() -> bool:
    return Path(conf.get("core", "plugins_folder")).resolve() == Path(__file__).resolve().parents[2]


class RunDeadline(DagRunDeadline):
    """When a DAG run must have ended, by its own `interval` or by its schedule; the same as in its plan."""

    def deadline_of(self, dag: Any, dag_run: Any) -> datetime | None:
        return deadline_of(dag, dag_run, datetime.now(UTC))


def deadline_of(dag: Any, dag_run: Any, now: datetime) -> datetime | None:
    """Return the deadline of a run created at `now`.

    None for a run without a limit, and for a backfill, whose time starts when it starts.
    """
    if dag_run.run_type == "backfill":
        return None
    interval = (dag_run.conf or {}).get("interval")
    length = parse_interval(interval) if interval else None
    found = find_run_interval(dag, dag_run.run_type, dag_run.run_after, buffer=0, interval=length, started_at=now)
    return found.deadline_at if found else None


def report_breach(workspace: str, context: dict[str, Any]) -> None:
    """Raise the alert `breached`, unless the run has ended or has more time by its plan."""
    dag_run = context["dag_run"]
    run_id, state = dag_run["dag_run_id"], dag_run["state"]
    if scheduler_state(state) == SchedulerState.ENDED:
        log.info("run %s: it has ended, no alert", run_id)
        return
    run = find_run(workspace, datetime.fromisoformat(dag_run["logical_date"] or dag_run["run_after"]))
    deadline = run.read_plan().deadline_at
    if deadline and datetime.now(UTC) < deadline:
        return
    text = (
        f"run {run.name}: its deadline has passed and it has not ended (DAG run {run_id} is {state}); check the "
        "scheduler, the triggerer and the tasks of the run"
    )
    alert = Alert(Level.BREACHED, text)
    if raise_alert(run, alert):
        log.warning("%s: %s", alert.level, alert.text)
        send_alerts([alert])

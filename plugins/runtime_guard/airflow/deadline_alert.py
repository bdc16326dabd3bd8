"""For what the sensor cannot see: a scheduler that is slow, a sensor that is dead, a run that never began.

A Deadline Alert of Airflow: the scheduler looks at the clock, the executor tells; neither needs the triggerer, in which
the sensor waits. The sensor is given GRACE to say it first, for it knows more.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.configuration import conf
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import BaseDeadlineReference, DeadlineAlert

from run_contract.files import read_json
from run_contract.layout import Workspace, run_key
from runtime_guard.airflow.channels import deliver
from runtime_guard.airflow.schedule import find_run_interval
from runtime_guard.airflow.task_states import has_ended
from runtime_guard.airflow.test_mode import parsed_by_dags_test
from runtime_guard.alerting.alerts import Alert, raise_alert
from runtime_guard.alerting.levels import Level
from runtime_guard.forecast.interval import parse_interval

log = logging.getLogger(__name__)

GRACE = timedelta(minutes=1)


def make_deadline_alert(workspace: Path) -> DeadlineAlert | None:
    """The deadline of a DAG whose runs write below `workspace`; None where it would do harm.

    `airflow dags test` crashes on a DAG that has one. Where this is not in Airflow's plugins folder its reference is
    unknown, and the scheduler could not make a single run.
    """
    if parsed_by_dags_test() or not _is_plugin():
        return None
    callback = SyncCallback(report_breach, kwargs={"workspace": str(workspace)})
    return DeadlineAlert(RunDeadline(), GRACE, callback, name="deadline_alert")


def _is_plugin() -> bool:
    return Path(conf.get("core", "plugins_folder")).resolve() == Path(__file__).resolve().parents[2]


class RunDeadline(BaseDeadlineReference):
    """When a DAG run must have ended, by its own `interval` or by its schedule; the same as in its plan."""

    required_kwargs = frozenset({"dag_id", "run_id"})

    def _evaluate_with(self, *, session: Any, dag_id: str, run_id: str) -> datetime | None:
        """Called by the process that makes a DAG run: what goes wrong here must not keep the run from being made."""
        from airflow.models import DagRun
        from airflow.models.serialized_dag import SerializedDagModel
        from sqlalchemy import select

        try:
            dag = SerializedDagModel.get_dag(dag_id, session=session)
            dag_run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
            return deadline_of(dag, dag_run, datetime.now(UTC))
        except Exception as error:
            log.warning("run %s: it has no deadline alert (%s: %s)", run_id, type(error).__name__, error)
            return None


def deadline_of(dag: Any, dag_run: Any, now: datetime) -> datetime | None:
    """Of a run that is made `now`. None for one that may take as long as it likes, and for a backfill: its time begins
    when it begins."""
    if dag_run.run_type == "backfill":
        return None
    interval = (dag_run.conf or {}).get("interval")
    length = parse_interval(interval) if interval else None
    run_interval = find_run_interval(
        dag, dag_run.run_type, dag_run.run_after, buffer=0, interval=length, started_at=now
    )
    return run_interval.deadline_at if run_interval else None


def report_breach(workspace: str, context: dict[str, Any]) -> None:
    """Raises the alert `breached`, but for a run that has ended or that its plan gives more time."""
    dag_run = context["dag_run"]
    run_id, state = dag_run["dag_run_id"], dag_run["state"]
    if has_ended(state):
        log.info("run %s: ended, no alert", run_id)
        return
    due = datetime.fromisoformat(dag_run["logical_date"] or dag_run["run_after"])
    run = Workspace(Path(workspace)).run(run_key(due))
    deadline = (read_json(run.plan) or {}).get("deadline_at")
    if deadline and datetime.now(UTC) < datetime.fromisoformat(deadline):
        return
    text = (
        f"run {run.run_key}: its time is over and it has not ended (DAG run {run_id} is {state}); look at the "
        "scheduler, the triggerer and the task predict"
    )
    alert = Alert(Level.BREACHED, text)
    if raise_alert(run, alert):
        log.warning("%s: %s", alert.level, alert.text)
        deliver([alert])

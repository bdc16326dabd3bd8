"""The internals of Airflow that this project uses; no other module uses any.

They are imported inside the functions: worker, scheduler, triggerer and API server each need others, and some take
seconds to import. A test names what is missing after an upgrade.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from airflow.sdk.definitions.deadline import BaseDeadlineReference

log = logging.getLogger(__name__)


def runs_in_process() -> bool:
    """Return whether this task runs inside `airflow dags test` or `airflow tasks test`."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

    return isinstance(task_runner.SUPERVISOR_COMMS, InProcessSupervisorComms)


def find_previous_dag_run(dag_id: str, logical_date: datetime) -> Any | None:
    """Return the DAG run before `logical_date`, from inside a task."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import GetPreviousDagRun

    question = GetPreviousDagRun(dag_id=dag_id, logical_date=logical_date)
    return task_runner.SUPERVISOR_COMMS.send(question).dag_run


def find_task_state(dag_id: str, run_id: str, task_id: str) -> str | None:
    """Return the state of a task, from inside a task or a trigger; None if it has no state yet."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=[task_id], run_ids=[run_id])
    return as_text(states.get(run_id, {}).get(task_id))


def core_timetable(timetable: Any) -> Any:
    """Return a timetable that can be asked for runs; in a DAG file timetables only describe themselves."""
    from airflow.serialization.encoders import coerce_to_core_timetable

    return coerce_to_core_timetable(timetable)


class DagRunDeadline(BaseDeadlineReference):
    """The base of a deadline that depends on a DAG run."""

    required_kwargs = frozenset({"dag_id", "run_id"})

    def deadline_of(self, dag: Any, dag_run: Any) -> datetime | None:
        """Return the deadline of a DAG run that is being created; None for one without."""
        raise NotImplementedError

    def _evaluate_with(self, *, session: Any, dag_id: str, run_id: str) -> datetime | None:
        """The hook of Airflow; an error in it would prevent the creation of the run."""
        from airflow.models.serialized_dag import SerializedDagModel

        try:
            dag = SerializedDagModel.get_dag(dag_id, session=session)
            return self.deadline_of(dag, find_dag_run(session, dag_id, run_id))
        except Exception as error:
            log.warning("run %s: it has no deadline alert (%s: %s)", run_id, type(error).__name__, error)
            return None


def open_session() -> Iterator[Any]:
    """Yield a session of Airflow's database; a dependency of routes in the API server."""
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        yield session


def require_dag_access() -> Any:
    """Return a dependency of routes that refuses users who may not read the DAG of the address."""
    from airflow.api_fastapi.core_api.security import requires_access_dag

    return requires_access_dag("GET")


def find_dag_run(session: Any, dag_id: str, run_id: str) -> Any | None:
    """Return the DAG run, with its run_type, run_after, logical_date, conf and state."""
    from airflow.models import DagRun
    from sqlalchemy import select

    return session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))


def find_dag_runs(session: Any, dag_id: str, most: int) -> list[Any]:
    """Return the newest DAG runs, at most `most`: rows of run_id, logical_date and run_after."""
    from airflow.models import DagRun
    from sqlalchemy import select

    columns = select(DagRun.run_id, DagRun.logical_date, DagRun.run_after)
    return list(session.execute(columns.where(DagRun.dag_id == dag_id).order_by(DagRun.run_after.desc()).limit(most)))


def find_task_instances(session: Any, dag_id: str, run_id: str) -> list[Any]:
    """Return the tasks of a DAG run: rows of task_id, state, start_date and end_date."""
    from airflow.models import TaskInstance
    from sqlalchemy import select

    columns = select(TaskInstance.task_id, TaskInstance.state, TaskInstance.start_date, TaskInstance.end_date)
    return list(session.execute(columns.where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)))


def as_text(state: Any) -> str | None:
    """Return a state as text: Airflow has it as a string or as an enum."""
    return None if state is None else str(getattr(state, "value", state))

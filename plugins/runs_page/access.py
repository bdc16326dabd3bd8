"""Who may see a page, and what Airflow has of the run: the only module here that imports Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from airflow.api_fastapi.common.db.common import SessionDep as SessionDep  # for the other routes, too
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models import DagRun, TaskInstance
from fastapi import Depends, HTTPException
from sqlalchemy import select

from run_contract.layout import RunPaths, Workspace, deployed_workspace, run_key
from runs_page.run_data import TaskState

DAG_ID = "batch_predictions"
MAX_RUNS = 1000


def check_dag(dag_id: str) -> None:
    """Raise HTTPException for another DAG: Airflow shows the tab for every one."""
    if dag_id != DAG_ID:
        raise HTTPException(404, f"This page is for the DAG {DAG_ID}.")


ACCESS = [Depends(requires_access_dag("GET")), Depends(check_dag)]
"""The dependencies of every route: first the login, then the DAG."""


@dataclass(frozen=True)
class RunRef:
    """A DAG run and where its files are. state: as Airflow names it."""

    dag_id: str
    run_id: str
    state: str
    paths: RunPaths
    workspace: Workspace


def find_workspace() -> Workspace:
    return Workspace(deployed_workspace())


WorkspaceDep = Annotated[Workspace, Depends(find_workspace)]


def find_run(dag_id: str, run_id: str, session: SessionDep, workspace: WorkspaceDep) -> RunRef:
    """Return the run, or raise HTTPException when Airflow has no such run: no part of the address reaches the files."""
    found = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    if found is None:
        raise HTTPException(404, "Airflow has no such run.")
    paths = workspace.run(run_key(found.logical_date or found.run_after))
    return RunRef(dag_id, run_id, str(found.state), paths, workspace)


RunDep = Annotated[RunRef, Depends(find_run)]


def find_tasks(dag_id: str, run_id: str, session: SessionDep) -> Mapping[str, TaskState]:
    """Return the tasks of the run by their ids."""
    columns = (TaskInstance.task_id, TaskInstance.state, TaskInstance.start_date, TaskInstance.end_date)
    rows = session.execute(select(*columns).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id))
    return {
        row.task_id: TaskState(row.task_id, _text(row.state), _utc(row.start_date), _utc(row.end_date)) for row in rows
    }


def find_run_ids(dag_id: str, session: SessionDep) -> Mapping[str, str]:
    """Return the ids of the newest MAX_RUNS runs by run key."""
    columns = (DagRun.run_id, DagRun.logical_date, DagRun.run_after)
    newest = select(*columns).where(DagRun.dag_id == dag_id).order_by(DagRun.run_after.desc()).limit(MAX_RUNS)
    return {run_key(row.logical_date or row.run_after): row.run_id for row in session.execute(newest)}


RunIdsDep = Annotated[Mapping[str, str], Depends(find_run_ids)]
TasksDep = Annotated[Mapping[str, TaskState], Depends(find_tasks)]


def _text(state: Any) -> str | None:
    return None if state is None else str(getattr(state, "value", state))


def _utc(moment: Any) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)

"""Who may see a page, and what Airflow has of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, HTTPException

from run_contract.layout import RunPaths, Workspace, deployed_workspace, run_key
from runs_page.run_data import TaskState
from runtime_guard.airflow.airflow_internals import (
    as_text,
    find_dag_run,
    find_dag_runs,
    find_task_instances,
    open_session,
    require_dag_access,
)

DAG_ID = "batch_predictions"
MAX_RUNS = 1000


def check_dag(dag_id: str) -> None:
    """Raise HTTPException for another DAG: Airflow shows the tab for every one."""
    if dag_id != DAG_ID:
        raise HTTPException(404, f"This page is for the DAG {DAG_ID}.")


ACCESS = [Depends(require_dag_access()), Depends(check_dag)]
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


SessionDep = Annotated[Any, Depends(open_session, scope="function")]
"""A session of Airflow's database, closed before the response is sent."""
WorkspaceDep = Annotated[Workspace, Depends(find_workspace)]


def find_run(dag_id: str, run_id: str, session: SessionDep, workspace: WorkspaceDep) -> RunRef:
    """Return the run, or raise HTTPException when Airflow has no such run: no part of the address reaches the files."""
    found = find_dag_run(session, dag_id, run_id)
    if found is None:
        raise HTTPException(404, "Airflow has no such run.")
    paths = workspace.run(run_key(found.logical_date or found.run_after))
    return RunRef(dag_id, run_id, str(found.state), paths, workspace)


RunDep = Annotated[RunRef, Depends(find_run)]


def find_tasks(dag_id: str, run_id: str, session: SessionDep) -> Mapping[str, TaskState]:
    """Return the tasks of the run by their ids."""
    rows = find_task_instances(session, dag_id, run_id)
    return {
        row.task_id: TaskState(row.task_id, as_text(row.state), _utc(row.start_date), _utc(row.end_date))
        for row in rows
    }


def find_run_ids(dag_id: str, session: SessionDep) -> Mapping[str, str]:
    """Return the ids of the newest MAX_RUNS runs by run key."""
    rows = find_dag_runs(session, dag_id, MAX_RUNS)
    return {run_key(row.logical_date or row.run_after): row.run_id for row in rows}


RunIdsDep = Annotated[Mapping[str, str], Depends(find_run_ids)]
TasksDep = Annotated[Mapping[str, TaskState], Depends(find_tasks)]


def _utc(moment: Any) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)

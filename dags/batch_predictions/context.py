"""The run of a task, from the context that Airflow passes to it."""

from __future__ import annotations

from typing import Any

from batch_predictions import settings
from run_contract.layout import RunPaths, Workspace, run_key


def workspace() -> Workspace:
    return Workspace(settings.WORKSPACE)


def run_of(context: Any) -> RunPaths:
    """Return the directory of the DAG run, named by its logical date, or by its run-after time if it has none."""
    dag_run = context["dag_run"]
    return workspace().run(run_key(dag_run.logical_date or dag_run.run_after))


def run_directory(context: Any) -> str:
    """Return the path of `run_of`."""
    return str(run_of(context).root)


def run_type(dag_run: Any) -> str:
    """Return Airflow's type of the run, such as "scheduled", "manual" or "backfill"."""
    return str(getattr(dag_run.run_type, "value", dag_run.run_type))

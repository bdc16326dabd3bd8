"""The run that a task works on, from the context that Airflow gives it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException

from batch_predictions import settings
from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.files import remove, write_json
from run_contract.layout import RunPaths, Workspace, run_key

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


def workspace() -> Workspace:
    return Workspace(settings.WORKSPACE)


def run_of(context: Any) -> RunPaths:
    """The directory of the DAG run: by its logical date, or its run-after time when it has none."""
    dag_run = context["dag_run"]
    return workspace().run(run_key(dag_run.logical_date or dag_run.run_after))


def run_type(dag_run: Any) -> str:
    """Such as "scheduled", "manual" or "backfill"."""
    return str(getattr(dag_run.run_type, "value", dag_run.run_type))


def explained(task: Callable[P, R]) -> Callable[P, R]:
    """Makes a failure that we can explain end its task with that one line, in the log and in failure.json.

    Only what may pass by itself is tried again.
    """

    @wraps(task)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        context = get_current_context()
        run = run_of(context)
        try:
            make_workspace(settings.WORKSPACE)
            remove(run.failure)
            return task(*args, **kwargs)
        except BatchPredictionsError as error:
            record_failure(run, context["ti"].task_id, str(error))
            log.error("%s", error)
            if isinstance(error, TemporaryError):
                raise
            raise AirflowFailException(str(error)) from None
        except OSError as error:
            record_failure(run, context["ti"].task_id, f"{type(error).__name__}: {error}")
            raise

    return wrapper


def record_failure(run: RunPaths, task_id: str, message: str) -> None:
    try:
        write_json(run.failure, {"task": task_id, "message": message, "failed_at": datetime.now(UTC).isoformat()})
    except OSError as error:
        log.warning("%s could not be written: %s", run.failure, error.strerror)


def make_workspace(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BatchPredictionsError(
            f"workspace {path}: cannot be written ({error.strerror}); set BATCH_PREDICTIONS_WORKSPACE to a directory "
            "that Airflow and Spark may write to"
        ) from None

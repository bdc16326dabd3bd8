"""End a failed task with one line that names the next step: in its log, in Airflow and in failure.json."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException

from batch_predictions import settings
from batch_predictions.context import run_of
from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.files import remove
from run_contract.layout import RunPaths
from run_contract.record import write_record
from run_contract.records.failure import FailureRecord

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


def reports_failure(task: Callable[P, R]) -> Callable[P, R]:
    """Decorate the function of a task so that a BatchPredictionsError ends it with that one line, without a traceback.

    Airflow retries only TemporaryError, and errors that are not ours.
    """

    @wraps(task)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        context = get_current_context()
        run, task_id = run_of(context), context["ti"].task_id
        try:
            make_workspace(settings.WORKSPACE)
            remove(run.failure)
            return task(*args, **kwargs)
        except BatchPredictionsError as error:
            record_failure(run, task_id, str(error))
            log.error("%s", error)
            if isinstance(error, TemporaryError):
                raise
            raise AirflowFailException(str(error)) from None
        except OSError as error:
            record_failure(run, task_id, f"{type(error).__name__}: {error}")
            raise

    return wrapper


def record_failure(run: RunPaths, task_id: str, message: str) -> None:
    try:
        write_record(run.failure, FailureRecord(task_id, message, datetime.now(UTC)))
    except OSError as error:
        log.warning("%s: cannot be written (%s)", run.failure, error.strerror)


def make_workspace(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BatchPredictionsError(
            f"workspace {path}: cannot be created ({error.strerror}); set BATCH_PREDICTIONS_WORKSPACE to a directory "
            "that Airflow and Spark can write to"
        ) from None

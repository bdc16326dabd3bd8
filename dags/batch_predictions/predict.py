"""The task predict: submit the prediction job to Spark, and end with one line if it fails."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import Any

from airflow.exceptions import AirflowException
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

from batch_predictions import settings
from batch_predictions.context import run_of, workspace
from batch_predictions.failures import reports_failure
from batch_predictions.spark_master import check_reachable, find_capacity, load_spark_master
from image_scoring.model.scoring_request import find_outdated
from run_contract.arguments import JobArguments
from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.layout import RunPaths
from run_contract.record import append_record, read_readable
from run_contract.records.predict import DriverState, ProgressRecord, SubmissionRecord

log = logging.getLogger(__name__)


class PredictOperator(SparkSubmitOperator):
    """Submit spark_jobs/predict.py for the run of this task, in client mode.

    The arguments are made in Python instead of a template, so that a Param that contains `{{` or starts with `--` is
    always data.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(application=str(settings.SPARK_JOBS / "predict.py"), name="batch_predictions", **kwargs)

    def execute(self, context: Any) -> None:
        reports_failure(self._predict)(context)

    def _predict(self, context: Any) -> None:
        run, params = run_of(context), context["params"]
        arguments = job_arguments(context)
        if is_complete(run, arguments):
            log.info("run %s: every shard is predicted already, nothing to do", run.run_key)
            return
        master = load_spark_master()
        check_reachable(master)
        self.conf = {"spark.log.level": "WARN", "spark.ui.showConsoleProgress": "false"}
        capacity = find_capacity(master, params["workers"])
        if capacity and params["workers"] is not None:
            self.conf["spark.executor.cores"] = str(capacity.executor_cores)
            self.conf["spark.cores.max"] = str(capacity.executor_cores * capacity.workers)
        self.properties_file = settings.SPARK_PROPERTIES
        self.application_args = arguments.to_argv()
        self._submit(context, run)

    def _submit(self, context: Any, run: RunPaths) -> None:
        before = read_readable(ProgressRecord, run.progress)
        started_at, started = datetime.now(UTC), time.monotonic()
        try:
            super().execute(context)
        except AirflowException:
            raise _explain(run, before) from None
        finally:
            append_record(run.submissions, SubmissionRecord(started_at, round(time.monotonic() - started, 3)))


def is_complete(run: RunPaths, arguments: JobArguments) -> bool:
    """Return whether every shard of the run is predicted, and in the way that `arguments` ask for.

    Logs what differs. Raises BatchPredictionsError for a model or a spec that cannot be read.
    """
    if not run.manifest_summary.exists() or run.pending_shards():
        return False
    outdated = find_outdated(run, arguments)
    if outdated:
        log.warning("run %s: every shard is predicted, but with another %s", run.run_key, ", ".join(outdated))
    return not outdated


def job_arguments(context: Any) -> JobArguments:
    """Return the arguments of the prediction job for the run of this task."""
    params = context["params"]
    return JobArguments(
        workspace=str(workspace().root),
        run_key=run_of(context).run_key,
        model=params["model"],
        engine=params["engine"],
        precision=params["precision"],
        only_new=params["only_new"],
        image_timeout=float(params["image_timeout"]),
    )


def _explain(run: RunPaths, before: ProgressRecord | None) -> BatchPredictionsError:
    """Return the error that the driver recorded in this attempt, or a general one. before: progress of the last one."""
    progress = read_readable(ProgressRecord, run.progress)
    is_new = progress is not None and (before is None or progress.attempt != before.attempt)
    if progress is None or not is_new or progress.state != DriverState.FAILED:
        return TemporaryError(
            f"run {run.run_key}: spark-submit ended without an error message from the job; its last lines are above in "
            "the log of this task; clear the task predict to continue with the missing shards"
        )
    kind = TemporaryError if progress.worth_retrying else BatchPredictionsError
    return kind(progress.message)

"""The task predict: SparkSubmitOperator with the run's arguments, and one line when it fails."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import Any

from airflow.exceptions import AirflowException
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

from batch_predictions import settings
from batch_predictions.run import explained, run_of, workspace
from batch_predictions.spark_master import check_reachable, find_capacity, load_spark_master
from run_contract.arguments import JobArguments
from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.files import append_json_line, read_json
from run_contract.layout import RunPaths

log = logging.getLogger(__name__)


class PredictOperator(SparkSubmitOperator):
    """Submits spark_jobs/predict.py for the run of its task, in client mode.

    The arguments are made here and not by a template, so that a Param that holds `{{` or starts with `--` is only
    ever a value.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(application=str(settings.SPARK_JOBS / "predict.py"), name="batch_predictions", **kwargs)

    def execute(self, context: Any) -> None:
        explained(self._predict)(context)

    def _predict(self, context: Any) -> None:
        run, params = run_of(context), context["params"]
        if run.manifest_summary.exists() and not run.pending_shards():
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
        self.application_args = job_arguments(context).to_argv()
        self._submit(context, run)

    def _submit(self, context: Any, run: RunPaths) -> None:
        before = read_json(run.progress) or {}
        started_at, started = datetime.now(UTC), time.monotonic()
        try:
            super().execute(context)
        except AirflowException:
            raise _explain(run, before.get("attempt")) from None
        finally:
            append_json_line(
                run.submissions,
                {"started_at": started_at.isoformat(), "seconds": round(time.monotonic() - started, 3)},
            )


def job_arguments(context: Any) -> JobArguments:
    """What the job is told of the run of this task."""
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


def _explain(run: RunPaths, attempt_before: str | None) -> BatchPredictionsError:
    """The driver's own words when it had any."""
    progress = read_json(run.progress) or {}
    if progress.get("attempt") == attempt_before or progress.get("state") != "failed":
        return TemporaryError(
            f"run {run.run_key}: spark-submit ended without a word from the job; its last lines are above in the log "
            "of this task; run predict again, it goes on with the missing shards"
        )
    kind = TemporaryError if progress["worth_retrying"] else BatchPredictionsError
    return kind(progress["message"])

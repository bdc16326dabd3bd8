"""One predict attempt from its arguments to the last committed shard."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession

from image_scoring.cluster import Cluster
from image_scoring.compile import choose_engine
from image_scoring.contract import (
    BatchPredictionsError,
    JobArguments,
    RunPaths,
    TemporaryError,
    Workspace,
    shard_numbers,
)
from image_scoring.fence import Fence, Fenced
from image_scoring.files import read_json, remove
from image_scoring.gate import check_model_present
from image_scoring.manifest_shards import count_committed, first_images
from image_scoring.progress import Progress
from image_scoring.spec import load_spec
from image_scoring.udf import ScoringTask
from image_scoring.waves import WaveRunner

log = logging.getLogger(__name__)

VERIFICATION_IMAGES = 8


def run_job(arguments: JobArguments, open_session: Callable[[], SparkSession]) -> Progress:
    """Predicts what the run's manifest lists and its predictions do not hold yet.

    The session is opened last, so that a model which is refused costs no core of the cluster, and none waits while
    a model is converted. Raises BatchPredictionsError; what is committed stays, the next attempt goes on from there.
    """
    workspace = Workspace(Path(arguments.workspace))
    run = workspace.run(arguments.run_key)
    fence = Fence(run.fence)
    progress = Progress(run_key=run.run_key, attempt=fence.token)
    try:
        _predict(arguments, workspace, run, open_session, fence, progress)
    except Fenced:
        raise  # progress.json is the other attempt's now
    except BatchPredictionsError as error:
        progress.fail(run.progress, error)
        raise
    except Exception as error:  # Spark, the disk, or a bug: the log has all of it, the person one line
        log.exception("predict failed")
        failure = TemporaryError(f"run {run.run_key}: predict failed ({root_cause(error)}); run it again, it goes on")
        progress.fail(run.progress, failure)
        raise failure from error
    progress.finish(run.progress)
    return progress


def root_cause(error: Exception) -> str:
    """The last cause that a Java stack trace names, or the message itself, in one line."""
    causes = re.findall(r"Caused by: (.+)", str(error))
    lines = [line for line in (causes or str(error).splitlines()) if line.strip()]
    return " ".join((lines[-1] if causes else lines[0] if lines else type(error).__name__).split())[:300]


def _predict(
    arguments: JobArguments,
    workspace: Workspace,
    run: RunPaths,
    open_session: Callable[[], SparkSession],
    fence: Fence,
    progress: Progress,
) -> None:
    summary = read_json(run.manifest_summary)
    if summary is None:
        raise BatchPredictionsError(f"run {run.run_key}: it has no manifest; run the task manifest first")
    remove(run.staging)
    run.predictions.mkdir(exist_ok=True)
    committed, pending = shard_numbers(run.predictions), run.pending_shards()
    progress.resume(summary["rows"], summary["shards"], *count_committed(run, committed))
    progress.write(run.progress)
    if not pending:
        log.info("run %s: all %d shards are committed already", run.run_key, len(committed))
        return

    model = Path(arguments.model)
    check_model_present(model)
    spec, origin = load_spec(model)
    log.info(origin)
    images = first_images(run, Path(summary["root"]), spec, VERIFICATION_IMAGES)
    engine = choose_engine(workspace, model, spec, arguments.engine, arguments.precision, images)
    progress.engine, progress.precision, progress.model = engine.name, engine.precision, spec.model_id
    task = ScoringTask(summary["root"], spec, engine)
    spark = open_session()
    try:
        cluster = Cluster(spark)
        cluster.wait_for_executors()
        log.info(
            "predicting %d of %d shards with %s %s", len(pending), summary["shards"], engine.name, engine.precision
        )
        WaveRunner(spark, cluster, run, task, fence, progress).predict(pending)
    finally:
        spark.stop()
    remove(run.staging)

"""One predict attempt, from its arguments to the last committed shard."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pyspark.sql import SparkSession

from image_scoring.driver.attempt import Attempt, begin_attempt
from image_scoring.driver.base_run import choose_base_run
from image_scoring.driver.commits import LabelsFlipped, drop_commits, load_commits
from image_scoring.driver.executors import Executors
from image_scoring.driver.scoring import make_scorer_factory, make_scoring_record
from image_scoring.driver.session import equip_workers
from image_scoring.driver.waves import WaveRunner
from image_scoring.model.safety import check_model_present
from image_scoring.model.scoring_request import find_outdated
from image_scoring.model.spec import ModelSpec, load_spec
from image_scoring.worker.image_scorer_factory import ImageScorerFactory
from image_scoring.worker.scorer import ScorerFactory
from run_contract.arguments import JobArguments
from run_contract.files import remove, remove_leftovers
from run_contract.layout import RunPaths, Workspace, shard_numbers
from run_contract.record import read_readable, require_record, write_record
from run_contract.records.manifest import ManifestRecord
from run_contract.records.predict import FlipRecord, ProgressRecord, ScoringRecord

log = logging.getLogger(__name__)


def run_job(arguments: JobArguments, open_session: Callable[[], SparkSession]) -> ProgressRecord:
    """Predict the shards of the run's manifest that are not committed yet; return the final progress.

    Committed shards that were predicted in another way than `arguments` ask for are predicted again.
    The session opens last: while a model is converted or refused, the job holds no cores of the cluster. Raises
    BatchPredictionsError; committed shards stay, and the next attempt continues with the others.
    """
    workspace = Workspace(Path(arguments.workspace))
    with begin_attempt(workspace, arguments.run_key, arguments.image_timeout) as attempt:
        if load_run(attempt) or find_outdated(attempt.run, arguments):
            _predict_images(arguments, attempt, open_session)
    return attempt.progress.record


def load_run(attempt: Attempt) -> list[int]:
    """Remove what earlier attempts left unfinished, count the committed shards, and return the pending ones."""
    run = attempt.run
    manifest = require_record(ManifestRecord, run.manifest_summary)
    remove(run.staging)
    run.predictions.mkdir(exist_ok=True)
    remove_leftovers(run.root)
    remove_leftovers(run.predictions)
    before = read_readable(ProgressRecord, run.progress)
    attempt.progress.resume(manifest.rows, manifest.shards, load_commits(run), before.samples if before else ())
    flip = read_readable(FlipRecord, run.flips)
    attempt.progress.set_flips(flip.flips if flip else 0)
    attempt.progress.write()
    pending = run.pending_shards()
    if not pending:
        log.info("run %s: all %d shards are already committed", run.run_key, manifest.shards)
    return pending


def run_waves(attempt: Attempt, spark: SparkSession, factory: ScorerFactory) -> None:
    """Predict and commit the pending shards with the scorers of `factory`."""
    pending = attempt.run.pending_shards()
    executors = Executors(spark)
    attempt.progress.wait_for_executors()
    executors.wait_for_executors()
    log.info("predicting %d of %d shards", len(pending), attempt.progress.record.shards_total)
    WaveRunner(spark, executors, attempt.run, factory, attempt.fencing_token, attempt.progress).predict(pending)
    remove(attempt.run.staging)


def _predict_images(arguments: JobArguments, attempt: Attempt, open_session: Callable[[], SparkSession]) -> None:
    spec = _load_model(Path(arguments.model))
    factory = _prepare(arguments, attempt, spec, _precision(arguments, attempt.run))
    if not attempt.run.pending_shards():
        return
    spark = open_session()
    try:
        equip_workers(spark, attempt.workspace, factory.engine.name)
        try:
            run_waves(attempt, spark, factory)
        except LabelsFlipped as flipped:
            _switch_to_f32(attempt, flipped)
            run_waves(attempt, spark, _prepare(arguments, attempt, spec, "f32"))
    finally:
        spark.stop()


def _load_model(model: Path) -> ModelSpec:
    check_model_present(model)
    spec, origin = load_spec(model)
    log.info(origin)
    return spec


def _precision(arguments: JobArguments, run: RunPaths) -> str:
    """Return the precision of the arguments, but f32 if an earlier attempt found the cascade wrong."""
    return "f32" if arguments.precision == "cascade" and run.flips.exists() else arguments.precision


def _prepare(arguments: JobArguments, attempt: Attempt, spec: ModelSpec, precision: str) -> ImageScorerFactory:
    """Choose the engine and the base run, and record both."""
    factory = make_scorer_factory(arguments, spec, precision)
    attempt.progress.set_engine(factory.engine, spec.model_id)
    _record_scoring(attempt, make_scoring_record(spec, factory.engine))
    base_run = choose_base_run(attempt.workspace, attempt.run) if arguments.only_new else None
    log.info("engine %s, precision %s", factory.engine.name, factory.engine.precision)
    return replace(factory, base_run=base_run)


def _record_scoring(attempt: Attempt, scoring: ScoringRecord) -> None:
    """Write scoring.json; remove committed shards that were predicted in another way, or in an unknown one."""
    run = attempt.run
    before = read_readable(ScoringRecord, run.scoring)
    if shard_numbers(run.predictions) and (before is None or before.differences(scoring)):
        log.warning("run %s: its shards were predicted in another way; they are predicted again", run.run_key)
        attempt.fencing_token.check()
        drop_commits(run)
        attempt.progress.forget_commits()
    write_record(run.scoring, scoring)


def _switch_to_f32(attempt: Attempt, flipped: LabelsFlipped) -> None:
    """Give the cascade up, for the rest of the run and its later attempts."""
    commit = flipped.commit
    attempt.progress.set_flips(commit.flips)
    remove(attempt.run.staging)  # shards of the cascade that were not committed yet
    write_record(attempt.run.flips, FlipRecord(commit.shard, commit.rechecked, commit.flips))
    log.warning("run %s: %s; the run is predicted in f32", attempt.run.run_key, flipped)

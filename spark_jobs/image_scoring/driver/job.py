"""One predict attempt from its arguments to the last committed shard."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from image_scoring.driver.commits import LabelsFlipped, drop_commits, load_commits
from image_scoring.driver.executors import Executors
from image_scoring.driver.fencing_token import AttemptSuperseded, FencingToken
from image_scoring.driver.incremental import choose_base_run
from image_scoring.driver.progress import Progress
from image_scoring.driver.session import equip_workers, stop_session, wake_workers
from image_scoring.driver.waves import WaveRunner
from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.safety import check_model_present
from image_scoring.model.sample_images import CalibrationImages, verification_images
from image_scoring.model.spec import ModelSpec, load_spec
from image_scoring.model.versions import expected_versions
from image_scoring.worker.image_scorer_factory import ImageScorerFactory
from image_scoring.worker.preflight import load_golden_image
from image_scoring.worker.scorer import ScorerFactory
from run_contract.arguments import JobArguments
from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.files import read_json, remove, remove_leftovers, write_json
from run_contract.layout import RunPaths, Workspace

log = logging.getLogger(__name__)


@dataclass
class Attempt:
    """What every step of one predict attempt works on."""

    workspace: Workspace
    run: RunPaths
    fencing_token: FencingToken
    progress: Progress


def run_job(arguments: JobArguments, open_session: Callable[[], SparkSession]) -> Progress:
    """Predicts what the run's manifest lists and its predictions do not hold yet.

    The session is asked for last, so that a model which is refused costs no core of the cluster, and none waits while
    a model is converted. Raises BatchPredictionsError; what is committed stays, the next attempt goes on from there.
    """
    with begin(Path(arguments.workspace), arguments.run_key) as attempt:
        attempt.progress.image_timeout = arguments.image_timeout
        if load_run(attempt):
            _predict_images(arguments, attempt, open_session)
    return attempt.progress


@contextmanager
def begin(workspace: Path, run_key: str) -> Iterator[Attempt]:
    """An attempt that fences off earlier ones, and whose end progress.json tells, however it ends."""
    run = Workspace(workspace).run(run_key)
    fencing_token = FencingToken(run.fencing_token)
    attempt = Attempt(Workspace(workspace), run, fencing_token, Progress(run_key=run_key, attempt=fencing_token.value))
    try:
        yield attempt
    except AttemptSuperseded:
        raise  # progress.json is the other attempt's now
    except BatchPredictionsError as error:
        fencing_token.check()
        attempt.progress.fail(run.progress, error)
        raise
    except Exception as error:  # Spark, the disk, or a bug: the log has all of it, the person one line
        fencing_token.check()  # a newer attempt has cleared up what this one works on: that is no failure
        failure = explain(run_key, error)
        if isinstance(failure, TemporaryError):
            log.exception("predict failed")
        attempt.progress.fail(run.progress, failure)
        raise failure from error
    attempt.progress.finish(run.progress)


def explain(run_key: str, error: Exception) -> BatchPredictionsError:
    """An error of Spark's in one line. A worker that must not predict stays so: only people can mend it."""
    preflight = re.search(r"preflight: host .+", str(error))
    if preflight:
        return BatchPredictionsError(preflight[0].strip())
    return TemporaryError(f"run {run_key}: predict failed ({root_cause(error)}); run it again, it goes on")


def root_cause(error: Exception) -> str:
    """What a Python traceback ends with, else the last cause that Java names, else the message: in one line."""
    text = str(error)
    tracebacks = re.findall(r"Traceback \(most recent call last\):\n(?:[ \t].*\n)*(\S.*)", text)
    causes = tracebacks or re.findall(r"Caused by: (.+)", text)
    lines = [line for line in (causes or text.splitlines()) if line.strip()]
    return " ".join((lines[-1] if causes else lines[0] if lines else type(error).__name__).split())[:300]


def load_run(attempt: Attempt) -> list[int]:
    """The shards that are still to do, after counting those in place into the progress."""
    run = attempt.run
    summary = read_json(run.manifest_summary)
    if summary is None:
        raise BatchPredictionsError(f"run {run.run_key}: it has no manifest; run the task manifest first")
    remove(run.staging)
    run.predictions.mkdir(exist_ok=True)
    remove_leftovers(run.root)
    remove_leftovers(run.predictions)
    before = read_json(run.progress) or {}
    attempt.progress.resume(summary["rows"], summary["shards"], load_commits(run), before.get("samples", []))
    attempt.progress.flips = (read_json(run.flips) or {}).get("flips", 0)
    attempt.progress.write(run.progress)
    pending = run.pending_shards()
    if not pending:
        log.info("run %s: all %d shards are committed already", run.run_key, summary["shards"])
    return pending


def run_waves(attempt: Attempt, spark: SparkSession, factory: ScorerFactory) -> None:
    """Predicts with `factory` what is pending."""
    pending = attempt.run.pending_shards()
    executors = Executors(spark)
    runner = WaveRunner(spark, executors, attempt.run, factory, attempt.fencing_token, attempt.progress)
    runner.warm_up(pending[0])
    attempt.progress.waiting = True
    attempt.progress.write(attempt.run.progress)
    executors.wait_for_executors()
    log.info("predicting %d of %d shards", len(pending), attempt.progress.shards_total)
    runner.predict(pending)
    remove(attempt.run.staging)


def _predict_images(arguments: JobArguments, attempt: Attempt, open_session: Callable[[], SparkSession]) -> None:
    spec = _load_model(Path(arguments.model))
    factory = _prepare(arguments, attempt, spec, _precision(arguments, attempt.run))
    spark = open_session()
    try:
        equip_workers(spark, attempt.workspace, factory.engine.name)
        wake_workers(spark)
        try:
            run_waves(attempt, spark, factory)
        except LabelsFlipped as flipped:
            _switch_to_f32(attempt, flipped)
            run_waves(attempt, spark, _prepare(arguments, attempt, spec, "f32"))
    finally:
        stop_session(spark)


def _load_model(model: Path) -> ModelSpec:
    check_model_present(model)
    spec, origin = load_spec(model)
    log.info(origin)
    return spec


def _precision(arguments: JobArguments, run: RunPaths) -> str:
    """What was asked for, but for a cascade that an earlier attempt found wrong."""
    return "f32" if arguments.precision == "cascade" and run.flips.exists() else arguments.precision


def _prepare(arguments: JobArguments, attempt: Attempt, spec: ModelSpec, precision: str) -> ImageScorerFactory:
    """Chooses the engine, checked against Keras, and the run to carry over from."""
    run, progress = attempt.run, attempt.progress
    summary = read_json(run.manifest_summary)
    root = Path(summary["root"])
    choice = choose_engine(
        attempt.workspace,
        Path(arguments.model),
        spec,
        arguments.engine,
        precision,
        verification_images(run, root, spec),
        CalibrationImages(run, root, spec),
    )
    progress.engine, progress.precision, progress.model = choice.name, choice.precision, spec.model_id
    progress.label_agreement = choice.agreement
    _record_scoring(attempt, spec, choice)
    golden_image = load_golden_image(spec, choice, attempt.workspace.converted_models)
    base_run = choose_base_run(attempt.workspace, run) if arguments.only_new else None
    log.info("engine %s, precision %s", choice.name, choice.precision)
    return ImageScorerFactory(summary["root"], spec, choice, golden_image, arguments.image_timeout, base_run)


def _record_scoring(attempt: Attempt, spec: ModelSpec, choice: EngineChoice) -> None:
    """Writes scoring.json. Shards that were predicted in another way are given up: a run is of one piece."""
    run = attempt.run
    record = scoring_record(spec, choice)
    if read_json(run.scoring) not in (None, record):
        log.warning("run %s: what it has was predicted in another way, and is predicted again", run.run_key)
        attempt.fencing_token.check()
        drop_commits(run)
        attempt.progress.resume(attempt.progress.rows_total, attempt.progress.shards_total, [])
    write_json(run.scoring, record)


def scoring_record(spec: ModelSpec, choice: EngineChoice) -> dict[str, Any]:
    """Two runs with the same record give the same row for the same image."""
    record = {
        "model": spec.model_id,
        "spec": asdict(spec),
        "engine": choice.name,
        "precision": choice.precision,
        "band": choice.band,
        "low": choice.low if choice.band is not None else None,
        "versions": expected_versions(choice.name),
    }
    as_read_back: dict[str, Any] = json.loads(json.dumps(record))
    return as_read_back


def _switch_to_f32(attempt: Attempt, flipped: LabelsFlipped) -> None:
    """For the rest of the run and its later attempts; what the cascade has predicted is predicted again."""
    commit = flipped.commit
    attempt.progress.flips = commit.flips
    remove(attempt.run.staging)  # the cascade's shards that wait there, the one with the flip among them
    write_json(attempt.run.flips, {"shard": commit.shard, "rechecked": commit.rechecked, "flips": commit.flips})
    log.warning("run %s: %s; the run is predicted in f32", attempt.run.run_key, flipped)

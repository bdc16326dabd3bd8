"""A predict attempt up to the moment when its session opens: what it keeps of earlier attempts."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from batch_predictions.manifest import build_manifest
from image_scoring.driver import job
from image_scoring.driver.attempt import begin_attempt
from image_scoring.driver.job import load_run, run_job
from image_scoring.driver.scoring import make_scoring_record
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.model_file import HDF5_SIGNATURE
from image_scoring.model.spec import load_spec, save_spec
from run_contract.arguments import JobArguments
from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.layout import RunPaths, Workspace, shard_numbers
from run_contract.record import append_record, require_record, write_record
from run_contract.records.dataset import DatasetRecord
from run_contract.records.manifest import ManifestRecord
from run_contract.records.predict import CommitRecord, DriverState, FlipRecord, ProgressRecord, ScoringRecord
from tests.helpers import LABELS, draw, make_run, manifest_paths, predicted, save_model, spec_of, write_predictions

KEY = "20260101T000000Z"


class SessionOpened(Exception):
    """All is prepared; the images would be predicted now."""


def open_no_session() -> NoReturn:
    raise SessionOpened("the session would open now")


class ExampleRun:
    """A run of three images, and models to predict it with."""

    def __init__(self, root: Path, models: Path) -> None:
        self.workspace, self.models = Workspace(root / "workspace"), models
        self.workspace.root.mkdir()
        (self.workspace.root / "models").symlink_to(models)
        for number in range(3):
            draw(root / "images" / f"{number}.png", seed=number)
        self.paths: RunPaths = self.workspace.run(KEY)
        build_manifest(self.paths, DatasetRecord("test", str(root / "images"), "test"), LABELS)

    def attempt(self, model: str = "a.keras", **options: Any) -> None:
        """Start an attempt that ends when its session would open."""
        arguments = JobArguments(str(self.workspace.root), KEY, str(self.models / model), **options)
        with pytest.raises(TemporaryError, match="the session would open now"):
            run_job(arguments, open_no_session)

    def commit(self) -> None:
        write_predictions(self.paths, [predicted(path) for path in manifest_paths(self.paths)])
        append_record(self.paths.commits, CommitRecord(0, 3, 0, began=1.0, ended=2.0))

    def has_its_commit(self) -> bool:
        return shard_numbers(self.paths.predictions) == [0]

    def add_pending_shard(self) -> None:
        shutil.copy(self.paths.manifest / "shard-000000.parquet", self.paths.manifest / "shard-000001.parquet")
        manifest = require_record(ManifestRecord, self.paths.manifest_summary)
        write_record(self.paths.manifest_summary, replace(manifest, rows=6, shards=2))

    @property
    def progress(self) -> ProgressRecord:
        return require_record(ProgressRecord, self.paths.progress)

    @property
    def scoring(self) -> ScoringRecord:
        return require_record(ScoringRecord, self.paths.scoring)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models with their specs; the tests share the directory of converted models below it."""
    directory = tmp_path_factory.mktemp("models")
    for name in ("a.keras", "b.keras"):
        model = save_model(directory / name)
        save_spec(model, spec_of(model))
    return directory


@pytest.fixture
def run(tmp_path: Path, models: Path) -> ExampleRun:
    """Half done: one shard is committed, one is pending."""
    run = ExampleRun(tmp_path, models)
    run.attempt(engine="tensorflow")
    run.add_pending_shard()
    run.commit()
    return run


def test_a_run_without_a_manifest_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.run(KEY).root.mkdir(parents=True)
    with pytest.raises(BatchPredictionsError, match="it has no manifest") as error, begin_attempt(workspace, KEY) as it:
        load_run(it)
    assert not isinstance(error.value, TemporaryError)


def test_an_attempt_of_the_same_kind_keeps_committed_shards(run: ExampleRun) -> None:
    before = run.scoring
    run.attempt(engine="tensorflow")
    assert run.has_its_commit()
    assert run.scoring == before
    progress = run.progress
    assert (progress.rows_done, progress.rows_resumed, progress.shards_done) == (3, 3, 1)
    assert (progress.engine, progress.precision) == ("tensorflow", "f32")
    assert progress.model == before.model


def test_with_another_model_engine_or_precision_committed_shards_are_predicted_again(
    run: ExampleRun, caplog: pytest.LogCaptureFixture
) -> None:
    ways: list[dict[str, Any]] = [
        {"model": "b.keras", "engine": "tensorflow"},
        {"engine": "openvino"},
        {"engine": "openvino", "precision": "bf16"},
    ]
    for way in ways:
        assert run.has_its_commit()
        caplog.clear()
        run.attempt(**way)
        assert not run.has_its_commit()
        assert run.paths.pending_shards() == [0, 1]
        assert not run.paths.commits.exists()
        assert f"run {KEY}: its shards were predicted in another way; they are predicted again" in caplog.messages
        progress = run.progress
        assert (progress.rows_done, progress.rows_resumed, progress.rows_total) == (0, 0, 6)
        run.commit()
        run.attempt(**way)
        assert run.has_its_commit()


def test_shards_whose_scoring_record_is_damaged_are_predicted_again(run: ExampleRun) -> None:
    run.paths.scoring.write_text("{")
    run.attempt(engine="tensorflow")
    assert not run.has_its_commit()
    assert run.scoring.engine == "tensorflow"


def test_a_cascade_that_was_found_wrong_stays_f32_in_later_attempts(run: ExampleRun) -> None:
    run.attempt(engine="openvino", precision="f32")
    run.commit()
    write_record(run.paths.flips, FlipRecord(shard=0, rechecked=10, flips=2))
    run.attempt(engine="openvino", precision="cascade")
    assert run.has_its_commit()
    assert (run.progress.precision, run.progress.flips) == ("f32", 2)


def test_staged_files_of_an_earlier_attempt_are_removed(run: ExampleRun) -> None:
    (run.paths.staging / "token" / "wave-000000").mkdir(parents=True)
    run.attempt(engine="tensorflow")
    assert not run.paths.staging.exists()


def test_a_damaged_progress_file_costs_only_its_samples(run: ExampleRun) -> None:
    run.paths.progress.write_text("{")
    run.attempt(engine="tensorflow")
    assert run.progress.rows_done == 3


@pytest.fixture
def complete(tmp_path: Path, models: Path) -> ExampleRun:
    """Its only shard is committed."""
    run = ExampleRun(tmp_path, models)
    run.attempt(engine="tensorflow")
    run.commit()
    return run


def test_a_complete_run_of_another_model_is_predicted_again(complete: ExampleRun) -> None:
    before = complete.scoring
    complete.attempt("b.keras", engine="tensorflow")
    assert not complete.has_its_commit()
    assert complete.scoring.model != before.model
    assert complete.progress.rows_done == 0


def test_a_complete_run_of_an_edited_spec_is_predicted_again(complete: ExampleRun, tmp_path: Path) -> None:
    model = tmp_path / "a.keras"
    shutil.copy(complete.models / "a.keras", model)
    save_spec(model, replace(spec_of(model), labels=("No", "Yes")))
    complete.attempt(str(model), engine="tensorflow")
    assert not complete.has_its_commit()


@pytest.mark.parametrize("content", [None, "{"])
def test_a_complete_run_without_a_readable_scoring_record_is_predicted_again(
    content: str | None, complete: ExampleRun
) -> None:
    complete.paths.scoring.unlink() if content is None else complete.paths.scoring.write_text(content)
    complete.attempt(engine="tensorflow")
    assert not complete.has_its_commit()
    assert complete.scoring.engine == "tensorflow"


def test_a_complete_run_opens_no_session_when_its_scorer_turns_out_to_be_the_same(
    complete: ExampleRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "find_outdated", lambda *_: ["versions"])
    arguments = JobArguments(str(complete.workspace.root), KEY, str(complete.models / "a.keras"), engine="tensorflow")
    assert run_job(arguments, open_no_session).state == DriverState.FINISHED
    assert complete.has_its_commit()


def test_a_complete_run_opens_neither_model_nor_session(tmp_path: Path) -> None:
    workspace, paths = make_run(tmp_path, ["0.jpg", "1.jpg"])
    write_predictions(paths, [predicted(path) for path in manifest_paths(paths)])
    model = tmp_path / "model.h5"
    model.write_bytes(HDF5_SIGNATURE + b"nothing that a framework could open")
    write_record(paths.scoring, make_scoring_record(load_spec(model)[0], EngineChoice("tensorflow", "f32", str(model))))
    progress = run_job(JobArguments(str(workspace.root), KEY, str(model)), open_no_session)
    assert (progress.state, progress.rows_done, progress.shards_done) == (DriverState.FINISHED, 2, 1)
    assert require_record(ProgressRecord, paths.progress) == progress

"""From the arguments to the moment when the session opens: what a run keeps, and how its end is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NoReturn

import pytest

from batch_predictions.manifest import build_manifest
from image_scoring.driver.fencing_token import AttemptSuperseded, FencingToken
from image_scoring.driver.job import begin, explain, load_run, root_cause, run_job
from image_scoring.model.spec import save_spec
from image_scoring.worker.preflight import PreflightError
from run_contract.arguments import JobArguments
from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.files import append_json_line, read_json, write_json
from run_contract.layout import RunPaths, Workspace, shard_numbers
from run_contract.records.dataset import DatasetRecord
from tests.helpers import LABELS, draw, make_run, manifest_paths, predicted, save_model, spec_of, write_predictions

KEY = "20260101T000000Z"
WORKER_ERROR = """Job aborted due to stage failure: Task 0 in stage 1.0 failed 4 times, most recent failure:
Lost task 0.3 in stage 1.0 (TID 7) (10.0.0.2 executor 0): org.apache.spark.api.python.PythonException:
Traceback (most recent call last):
  File "/code/image_scoring/preflight.py", line 1, in check_versions
image_scoring.worker.preflight.PreflightError: {line}

\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException(PythonRunner.scala:581)
Caused by: java.io.IOException: something else
"""


def test_a_worker_that_must_not_predict_is_for_people_to_mend() -> None:
    line = str(PreflightError("numpy", "2.4.6", "1.26.4", "give it the environment"))
    error = explain(KEY, RuntimeError(WORKER_ERROR.format(line=line)))
    assert type(error) is BatchPredictionsError
    assert str(error) == line


def test_any_other_error_of_spark_is_worth_a_retry_and_told_in_one_line() -> None:
    error = explain(KEY, RuntimeError(WORKER_ERROR.format(line="no")))
    assert type(error) is TemporaryError
    cause = "image_scoring.worker.preflight.PreflightError: no"
    assert str(error) == f"run {KEY}: predict failed ({cause}); run it again, it goes on"


def lose_the_run(workspace: Workspace, run: RunPaths, error: Exception) -> None:
    with begin(workspace.root, run.run_key):
        FencingToken(run.fencing_token)
        raise error


@pytest.mark.parametrize("error", [BatchPredictionsError("refused"), OSError("its staging is gone")])
def test_what_goes_wrong_after_a_newer_attempt_began_is_not_its_failure(error: Exception, tmp_path: Path) -> None:
    workspace, run = make_run(tmp_path, ["a.jpg"])
    write_json(run.progress, {"state": "predicting"})
    with pytest.raises(AttemptSuperseded):
        lose_the_run(workspace, run, error)
    assert read_json(run.progress) == {"state": "predicting"}


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("one line", "one line"),
        ("\n\n  first \t line\nsecond", "first line"),
        ("x\nCaused by: outer\n\tat a.b\nCaused by: inner  one\n\tat c.d", "inner one"),
        ("", "ValueError"),
        ("a" * 1000, "a" * 300),
    ],
)
def test_the_root_cause_is_one_line(text: str, cause: str) -> None:
    assert root_cause(ValueError(text)) == cause


def test_how_an_attempt_ends_is_told(tmp_path: Path) -> None:
    workspace, run = make_run(tmp_path, ["0.jpg"])
    with begin(workspace.root, KEY) as attempt:
        load_run(attempt)
        assert read_json(run.progress)["state"] == "starting"
    record = read_json(run.progress)
    assert (record["state"], record["attempt"]) == ("finished", attempt.fencing_token.value)


@pytest.mark.parametrize(
    ("error", "told", "worth_retrying"),
    [
        (BatchPredictionsError("no model"), "no model", False),
        (TemporaryError("no executors"), "no executors", True),
        (OSError(28, "No space left"), "predict failed ([Errno 28] No space left)", True),
        (PreflightError("numpy", "2", "1", "mend it"), "numpy 1 found, 2 expected; mend it", False),
    ],
)
def test_how_an_attempt_fails_is_told(error: Exception, told: str, worth_retrying: bool, tmp_path: Path) -> None:
    workspace, run = make_run(tmp_path, ["0.jpg"])
    with pytest.raises(BatchPredictionsError) as raised, begin(workspace.root, KEY):
        raise error
    record = read_json(run.progress)
    assert (record["state"], record["worth_retrying"]) == ("failed", worth_retrying)
    assert told in record["message"]
    assert record["message"] == str(raised.value)
    assert isinstance(raised.value, TemporaryError) is worth_retrying


def test_an_attempt_that_was_superseded_leaves_the_progress_to_the_other(tmp_path: Path) -> None:
    workspace, run = make_run(tmp_path, ["0.jpg"])
    write_json(run.progress, {"of": "the other"})

    def be_superseded() -> None:
        with begin(workspace.root, KEY) as attempt:
            FencingToken(run.fencing_token)
            attempt.fencing_token.check()

    with pytest.raises(AttemptSuperseded):
        be_superseded()
    assert read_json(run.progress) == {"of": "the other"}


def test_a_run_without_a_manifest_is_refused(tmp_path: Path) -> None:
    Workspace(tmp_path).run(KEY).root.mkdir(parents=True)
    with pytest.raises(BatchPredictionsError, match="it has no manifest") as error, begin(tmp_path, KEY) as attempt:
        load_run(attempt)
    assert not isinstance(error.value, TemporaryError)


class SessionOpened(Exception):
    """All was prepared; the images would be predicted now."""


def open_no_session() -> NoReturn:
    raise SessionOpened("the session would open now")


class Scene:
    """A run of three images, and models to predict it with."""

    def __init__(self, root: Path, models: Path) -> None:
        self.workspace, self.models = Workspace(root / "workspace"), models
        self.workspace.root.mkdir()
        (self.workspace.root / "models").symlink_to(models)
        for number in range(3):
            draw(root / "pictures" / f"{number}.png", seed=number)
        self.run: RunPaths = self.workspace.run(KEY)
        build_manifest(self.run, DatasetRecord("test", str(root / "pictures"), "test"), LABELS)

    def attempt(self, model: str = "a.keras", **options: Any) -> None:
        """Up to the session."""
        arguments = JobArguments(str(self.workspace.root), KEY, str(self.models / model), **options)
        with pytest.raises(TemporaryError, match="the session would open now"):
            run_job(arguments, open_no_session)

    def commit(self) -> None:
        write_predictions(self.run, [predicted(path) for path in manifest_paths(self.run)])
        append_json_line(self.run.commits, {"shard": 0, "rows": 3, "errors": 0, "began": 1.0, "ended": 2.0})

    def half_done(self) -> bool:
        """Whether the run still has what was committed."""
        return shard_numbers(self.run.predictions) == [0]

    def add_a_shard(self) -> None:
        """One that is left to do."""
        shutil.copy(self.run.manifest / "shard-000000.parquet", self.run.manifest / "shard-000001.parquet")
        write_json(self.run.manifest_summary, {**read_json(self.run.manifest_summary), "rows": 6, "shards": 2})


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models with their specs, and compiled/ with what was converted of them."""
    directory = tmp_path_factory.mktemp("models")
    for name in ("a.keras", "b.keras"):
        model = save_model(directory / name)
        save_spec(model, spec_of(model))
    return directory


@pytest.fixture
def scene(tmp_path: Path, models: Path) -> Scene:
    scene = Scene(tmp_path, models)
    scene.attempt(engine="tensorflow")
    scene.add_a_shard()
    scene.commit()
    return scene


def test_an_attempt_of_the_same_kind_keeps_what_was_committed(scene: Scene) -> None:
    before = read_json(scene.run.scoring)
    scene.attempt(engine="tensorflow")
    assert scene.half_done()
    assert read_json(scene.run.scoring) == before
    record = read_json(scene.run.progress)
    assert (record["rows_done"], record["rows_resumed"], record["shards_done"]) == (3, 3, 1)
    assert (record["engine"], record["precision"]) == ("tensorflow", "f32")
    assert record["model"] == before["model"]


def test_with_another_model_engine_or_precision_what_was_committed_is_predicted_again(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    ways: list[dict[str, Any]] = [
        {"model": "b.keras", "engine": "tensorflow"},
        {"engine": "openvino"},
        {"engine": "openvino", "precision": "bf16"},
    ]
    for way in ways:
        assert scene.half_done()
        caplog.clear()
        scene.attempt(**way)
        assert not scene.half_done()
        assert scene.run.pending_shards() == [0, 1]
        assert not scene.run.commits.exists()
        assert f"run {KEY}: what it has was predicted in another way, and is predicted again" in caplog.messages
        record = read_json(scene.run.progress)
        assert (record["rows_done"], record["rows_resumed"], record["rows_total"]) == (0, 0, 6)
        scene.commit()
        scene.attempt(**way)
        assert scene.half_done()


def test_a_cascade_that_was_found_wrong_stays_f32_in_later_attempts(scene: Scene) -> None:
    scene.attempt(engine="openvino", precision="f32")
    scene.commit()
    write_json(scene.run.flips, {"shard": 0, "rechecked": 10, "flips": 2})
    scene.attempt(engine="openvino", precision="cascade")
    assert scene.half_done()
    record = read_json(scene.run.progress)
    assert (record["precision"], record["flips"]) == ("f32", 2)


def test_what_an_earlier_attempt_has_staged_is_cleared(scene: Scene) -> None:
    (scene.run.staging / "token" / "wave-000000").mkdir(parents=True)
    scene.attempt(engine="tensorflow")
    assert not scene.run.staging.exists()


def test_a_run_that_is_whole_opens_neither_model_nor_session(tmp_path: Path) -> None:
    workspace, run = make_run(tmp_path, ["0.jpg", "1.jpg"])
    write_predictions(run, [predicted(path) for path in manifest_paths(run)])
    progress = run_job(JobArguments(str(workspace.root), KEY, "/no/model.keras"), open_no_session)
    assert (progress.state, progress.rows_done, progress.shards_done) == ("finished", 2, 1)
    assert json.loads(run.progress.read_text())["state"] == "finished"

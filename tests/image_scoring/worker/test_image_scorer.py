"""From the rows of a manifest to the rows of predictions, with a real engine and real images."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from batch_predictions.manifest import build_manifest
from image_scoring.model.engines.openvino_engine import OpenVinoEngine
from image_scoring.worker.image_scorer_factory import ImageScorerFactory
from image_scoring.worker.incremental import BaseRun
from image_scoring.worker.preflight import PreflightError
from image_scoring.worker.scorer import ScoreCounts
from run_contract.layout import Workspace
from run_contract.records.dataset import DatasetRecord
from tests.helpers import LABELS, PATIENCE, draw, manifest_paths, noise, predicted, write_predictions
from tests.image_scoring.brightness_model import make_factory, manifest_columns, save_grey
from tests.integration.commands import project_path

COLUMNS = {"prediction": "object", "probability": "Float32", "status": "object", "error": "object"}


@pytest.fixture
def factory(tmp_path: Path) -> ImageScorerFactory:
    return make_factory(tmp_path)


def dtypes_of(result: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(dtype) for name, dtype in result.dtypes.items()}


def values_of(result: pd.DataFrame) -> list[float | None]:
    return [None if pd.isna(value) else round(float(value) * 255) for value in result["probability"]]


def test_rows_keep_their_order_with_error_rows_between_them(factory: ImageScorerFactory) -> None:
    (Path(factory.dataset_root) / "text.jpg").write_text("not a picture")
    names = [save_grey(factory, 204), "missing.jpg", save_grey(factory, 51), "text.jpg", save_grey(factory, 153)]
    result = factory.open().score(*manifest_columns(factory, names))
    assert dtypes_of(result) == COLUMNS
    assert list(result.index) == list(range(5))
    assert list(result["prediction"]) == ["Dog", None, "Cat", None, "Dog"]
    assert list(result["status"]) == ["predicted", "error", "predicted", "error", "predicted"]
    assert values_of(result) == [204, None, 51, None, 153]
    reasons = [error and error.partition(":")[0] for error in result["error"]]
    assert reasons == [None, "missing", None, "not an image", None]


def test_when_nothing_can_be_read_the_engine_is_not_asked(factory: ImageScorerFactory) -> None:
    result = factory.open().score(
        *manifest_columns(factory, ["a.jpg", "b.jpg"])
    )  # asked about no image, it would raise
    assert list(result["status"]) == ["error", "error"]
    assert dtypes_of(result) == COLUMNS
    assert result["probability"].isna().all()


def test_a_file_that_changed_since_the_manifest_is_an_error_row(factory: ImageScorerFactory) -> None:
    recorded = manifest_columns(factory, [save_grey(factory, 204), save_grey(factory, 51)])
    draw(Path(factory.dataset_root) / "051.png")
    result = factory.open().score(*recorded)
    assert list(result["status"]) == ["predicted", "error"]
    assert result["error"][1].startswith("changed: ")


@pytest.mark.parametrize("name", ["=1+1.png", "a\\b.png", "two\nlines.png", "猫.png"])
def test_the_file_behind_an_encoded_path_is_read(name: str, factory: ImageScorerFactory) -> None:
    img_path = save_grey(factory, 204, name)
    _, sizes, stamps = manifest_columns(factory, [name])
    result = factory.open().score(pd.Series([img_path]), sizes, stamps)
    assert list(result["prediction"]) == ["Dog"]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
def test_each_image_gets_what_it_gets_alone_however_they_are_batched(
    batch_size: int, factory: ImageScorerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The buffer of a batch is used again: nothing of an image may stay for the next one."""
    for seed in range(8):
        Image.fromarray(noise(seed=seed)).save(Path(factory.dataset_root) / f"{seed}.png")
    (Path(factory.dataset_root) / "cut.png").write_bytes((Path(factory.dataset_root) / "0.png").read_bytes()[:500])
    names = ["0.png", "cut.png", "1.png", "gone.png", "cut.png", *(f"{seed}.png" for seed in range(2, 8)), "cut.png"]
    scorer = factory.open()
    alone = pd.concat([scorer.score(*manifest_columns(factory, [name])) for name in names], ignore_index=True)
    assert alone["probability"].nunique() == 8

    asked: list[int] = []
    real = OpenVinoEngine.predict

    def predict(engine: OpenVinoEngine, images: Any) -> Any:
        asked.append(len(images))
        return real(engine, images)

    monkeypatch.setattr(OpenVinoEngine, "batch_size", batch_size)
    monkeypatch.setattr(OpenVinoEngine, "predict", predict)
    scorer = factory.open()
    asked.clear()
    whole = manifest_columns(factory, names)
    pd.testing.assert_frame_equal(scorer.score(*whole), alone, check_exact=True)
    assert max(asked) == min(batch_size, 8)
    pd.testing.assert_frame_equal(scorer.score(*whole), alone, check_exact=True)


def test_a_task_travels_and_stays_the_same(factory: ImageScorerFactory) -> None:
    """Workers keep their engine from task to task by it."""
    copy = pickle.loads(pickle.dumps(factory))
    assert copy == factory
    assert hash(copy) == hash(factory)
    assert hash(replace(factory, base_run=BaseRun("/run", 1))) != hash(factory)
    assert factory.model_id == "grey@000000000000"


@pytest.mark.parametrize("other", [{"model_sha256": "f" * 64}, {"pixels_sha256": "f" * 64}])
def test_a_worker_that_does_not_match_the_driver_opens_nothing(
    other: dict[str, str], factory: ImageScorerFactory
) -> None:
    with pytest.raises(PreflightError):
        replace(factory, golden_image=replace(factory.golden_image, **other)).open()  # type: ignore[arg-type]


HANGS = """
import ctypes, sys
from pathlib import Path
from image_scoring.worker import image_scorer
from tests.image_scoring.brightness_model import make_factory, manifest_columns, save_grey

factory = make_factory(Path(sys.argv[1]), image_timeout=1.0)
names = [save_grey(factory, value) for value in range(3)]
scorer = factory.open()
assert len(scorer.score(*manifest_columns(factory, names))) == 3
ctypes.PyDLL(None).sleep(2)
print("waited for the next task", flush=True)
image_scorer.load_image = lambda *_: ctypes.PyDLL(None).sleep(600)
scorer.score(*manifest_columns(factory, names))
"""


@pytest.mark.slow
def test_an_image_that_hangs_ends_the_worker(tmp_path: Path) -> None:
    """For Spark to see it, and to retry it in isolation."""
    ended = subprocess.run(
        [sys.executable, "-c", HANGS, tmp_path],
        env=project_path(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "waited for the next task\n")
    assert "Timeout (0:00:01)!" in ended.stderr


class Scene:
    """Five images, each of them with a row of a run before, of another probability than the engine's."""

    def __init__(self, root: Path) -> None:
        self.factory = make_factory(root)
        self.names = [save_grey(self.factory, value) for value in (0, 51, 102, 153, 204)]
        run = Workspace(root / "workspace").run("before")
        build_manifest(run, DatasetRecord("test", self.factory.dataset_root, "test"), LABELS)
        rows = [predicted(path, probability=np.float32(0.125)) for path in manifest_paths(run)]
        rows[1].update(prediction=None, probability=None, status="error", error="undecodable: broken")
        write_predictions(run, rows)
        self.carrying = replace(self.factory, base_run=BaseRun(str(run.root), 1))

    def change(self, *names: str) -> None:
        """The bytes stay, and so does what the engine says; the stamp does not."""
        for name in names:
            (Path(self.factory.dataset_root) / name).touch()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.mark.parametrize("isolated", [False, True])
def test_what_is_carried_over_and_what_is_predicted_come_back_in_order(scene: Scene, isolated: bool) -> None:
    scene.change("000.png", "153.png")
    scorer = scene.carrying.open_isolated() if isolated else scene.carrying.open()
    names = [*scene.names[:3], "missing.png", *scene.names[3:]]
    result = scorer.score(*manifest_columns(scene.factory, names))
    assert dtypes_of(result) == COLUMNS
    assert list(result.index) == list(range(6))
    assert values_of(result) == [0, None, 32, None, 153, 32]
    reasons = [None if pd.isna(error) else error.partition(":")[0] for error in result["error"]]
    assert reasons == [None, "undecodable", None, "missing", None, None]
    assert scorer.take_counts().carried == 3
    assert scorer.take_counts().carried == 0


def test_when_all_is_carried_over_neither_an_image_nor_the_engine_is_opened(scene: Scene) -> None:
    recorded = manifest_columns(scene.factory, scene.names)
    for name in scene.names:
        (Path(scene.factory.dataset_root) / name).unlink()
    Path(scene.factory.engine.path).unlink()
    scorer = scene.carrying.open()
    result = scorer.score(*recorded)
    assert values_of(result) == [32, None, 32, 32, 32]
    assert dtypes_of(result) == COLUMNS
    assert scorer.take_counts() == ScoreCounts(carried=5)
    assert scorer.take_counts() == ScoreCounts()


def test_when_nothing_is_carried_over_the_rows_are_those_of_a_full_run(scene: Scene) -> None:
    scene.change(*scene.names)
    recorded = manifest_columns(scene.factory, scene.names)
    expected = scene.factory.open().score(*recorded)
    scorer = scene.carrying.open()
    pd.testing.assert_frame_equal(scorer.score(*recorded), expected, check_exact=True)
    assert scorer.take_counts().carried == 0

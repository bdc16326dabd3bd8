"""From the rows of a manifest to the rows of predictions, with a real engine and real images."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from image_scoring.model.engines.openvino_engine import OpenVinoEngine
from image_scoring.worker.image_scorer_factory import ImageScorerFactory
from image_scoring.worker.incremental import BaseRun
from image_scoring.worker.preflight import PreflightError
from tests.helpers import PATIENCE, draw, noise
from tests.image_scoring.brightness_model import make_factory, manifest_columns, save_grey
from tests.image_scoring.worker.results import COLUMNS, dtypes_of, values_of
from tests.integration.commands import project_path


@pytest.fixture
def factory(tmp_path: Path) -> ImageScorerFactory:
    return make_factory(tmp_path)


def test_rows_keep_their_order_with_error_rows_between_them(factory: ImageScorerFactory) -> None:
    (Path(factory.dataset_root) / "text.jpg").write_text("not an image")
    names = [save_grey(factory, 204), "missing.jpg", save_grey(factory, 51), "text.jpg", save_grey(factory, 153)]
    result = factory.open().score(*manifest_columns(factory, names))
    assert dtypes_of(result) == COLUMNS
    assert list(result.index) == list(range(5))
    assert list(result["prediction"]) == ["Dog", None, "Cat", None, "Dog"]
    assert list(result["status"]) == ["predicted", "error", "predicted", "error", "predicted"]
    assert values_of(result) == [204, None, 51, None, 153]
    reasons = [error and error.partition(":")[0] for error in result["error"]]
    assert reasons == [None, "missing", None, "not an image", None]


def test_when_no_image_can_be_read_the_engine_is_not_called(factory: ImageScorerFactory) -> None:
    """It raises an error if it is given no image."""
    result = factory.open().score(*manifest_columns(factory, ["a.jpg", "b.jpg"]))
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
def test_an_image_has_the_same_row_alone_and_in_any_batch(
    batch_size: int, factory: ImageScorerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batches share a buffer: nothing of an image may be left in it for the next one."""
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


def test_a_factory_is_equal_to_its_copy_in_a_worker(factory: ImageScorerFactory) -> None:
    """Otherwise workers would open a new engine for each task."""
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
    """Spark then runs the task again, in isolation."""
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

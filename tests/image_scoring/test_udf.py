"""The function that Spark's Python workers run, without Spark around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from image_scoring import udf
from image_scoring.contract import encode_path
from image_scoring.engines import EngineChoice
from image_scoring.spec import ModelSpec
from image_scoring.udf import MICRO_BATCH, ScoringTask, make_predict_udf, score
from tests.helpers import draw

Columns = tuple[pd.Series, pd.Series, pd.Series]


class Brightness:
    """An engine whose output is the mean brightness of the image, 0 to 1."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        assert images.dtype == np.float32
        assert images.shape[1:] == (4, 6, 3)
        self.batches.append(len(images))
        outputs: NDArray[np.float32] = images.mean(axis=(1, 2, 3), dtype=np.float32).reshape(-1, 1)
        return outputs


@pytest.fixture
def task(tmp_path: Path) -> ScoringTask:
    spec = ModelSpec("grey", "0", input_size=(4, 6), preprocessing="rescale")
    return ScoringTask(str(tmp_path), spec, EngineChoice("tensorflow", "f32", "none"))


def grey(root: Path, value: int, name: str | None = None) -> str:
    name = name or f"{value:03d}.png"
    Image.new("RGB", (5, 5), (value, value, value)).save(root / name)
    return encode_path(name.encode())


def columns(root: Path, names: list[str]) -> Columns:
    found = [(root / name).stat() if (root / name).exists() else None for name in names]
    return (
        pd.Series(names, dtype=object),
        pd.Series([item.st_size if item else 0 for item in found], dtype="int64"),
        pd.Series([item.st_mtime_ns if item else 0 for item in found], dtype="int64"),
    )


def run_udf(task: ScoringTask, batches: list[Columns]) -> list[pd.DataFrame]:
    function: Any = make_predict_udf(task).func
    results: Iterator[pd.DataFrame] = function(iter(batches))
    return list(results)


def test_rows_keep_their_order_with_error_rows_between_them(task: ScoringTask, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture")
    names = [grey(tmp_path, 204), "missing.jpg", grey(tmp_path, 51), "text.jpg", grey(tmp_path, 153)]
    result = score(task, Brightness(), *columns(tmp_path, names))
    assert list(result.columns) == ["prediction", "probability", "status", "error"]
    assert list(result["prediction"]) == ["Dog", None, "Cat", None, "Dog"]
    assert list(result["status"]) == ["predicted", "error", "predicted", "error", "predicted"]
    assert list(result["probability"].isna()) == [False, True, False, True, False]
    np.testing.assert_allclose(result["probability"].dropna().to_numpy(np.float32), [0.8, 0.2, 0.6], atol=1e-6)
    assert [error and error.partition(":")[0] for error in result["error"]] == [
        None,
        "missing",
        None,
        "not an image",
        None,
    ]


def test_when_nothing_can_be_read_the_engine_is_not_asked(task: ScoringTask, tmp_path: Path) -> None:
    engine = Brightness()
    result = score(task, engine, *columns(tmp_path, ["a.jpg", "b.jpg"]))
    assert engine.batches == []
    assert list(result["status"]) == ["error", "error"]
    assert result["probability"].isna().all()


def test_a_file_that_changed_since_the_manifest_is_an_error_row(task: ScoringTask, tmp_path: Path) -> None:
    names = [grey(tmp_path, 204), grey(tmp_path, 51)]
    recorded = columns(tmp_path, names)
    draw(tmp_path / "051.png")
    result = score(task, Brightness(), *recorded)
    assert list(result["status"]) == ["predicted", "error"]
    assert result["error"][1].startswith("changed: ")


@pytest.mark.parametrize("name", ["=1+1.png", "a\\b.png", "two\nlines.png", "猫.png"])
def test_the_file_behind_an_encoded_path_is_read(name: str, task: ScoringTask, tmp_path: Path) -> None:
    img_path = grey(tmp_path, 204, name)
    found = (tmp_path / name).stat()
    result = score(
        task, Brightness(), pd.Series([img_path]), pd.Series([found.st_size]), pd.Series([found.st_mtime_ns])
    )
    assert list(result["prediction"]) == ["Dog"]


def test_batches_are_cut_for_the_engine_and_come_back_whole(
    task: ScoringTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Brightness()
    monkeypatch.setattr(udf, "cached_engine", lambda choice: engine)
    names = [grey(tmp_path, value) for value in range(2 * MICRO_BATCH + 3)]
    whole = columns(tmp_path, names)
    small = columns(tmp_path, names[:2])
    results = run_udf(task, [whole, small])
    assert [len(result) for result in results] == [len(names), 2]
    assert engine.batches == [MICRO_BATCH, MICRO_BATCH, 3, 2]
    np.testing.assert_allclose(results[0]["probability"].to_numpy(np.float32), np.arange(len(names)) / 255, atol=1e-6)
    assert list(results[0].index) == list(range(len(names)))


def test_the_engine_is_opened_once_in_a_worker(
    task: ScoringTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[EngineChoice] = []

    def open_engine(choice: EngineChoice) -> Brightness:
        opened.append(choice)
        return Brightness()

    monkeypatch.setattr(udf, "open_engine", open_engine)
    udf.cached_engine.cache_clear()
    names = [grey(tmp_path, 204)]
    for _ in range(3):
        run_udf(task, [columns(tmp_path, names), columns(tmp_path, names)])
    udf.cached_engine.cache_clear()
    assert opened == [task.engine]

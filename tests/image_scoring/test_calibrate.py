from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from image_scoring import calibrate as module
from image_scoring.calibrate import (
    BATCH,
    Calibration,
    NotCalibrated,
    band_of,
    calibrate,
    check_worth_it,
    measure,
    spread_images,
)
from image_scoring.compile import choose_engine
from image_scoring.contract import RunPaths, Workspace, shard_name
from image_scoring.engines import Counts, openvino_engine
from image_scoring.spec import ModelSpec
from tests.helpers import noise, save_model, spec_of

Images = NDArray[np.float32]
SPEC = ModelSpec("model", "0" * 64, (2, 2), "none")


def sigmoid(logits: NDArray[np.float64]) -> Images:
    """Outputs (n, 1) of one sigmoid."""
    return (1 / (1 + np.exp(-logits[:, None]))).astype(np.float32)


LOGITS = np.linspace(-8, 8, 201)


@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_the_band_is_six_times_the_usual_difference(threshold: float) -> None:
    signs = np.where(np.arange(201) % 2, 1, -1)
    band, share = band_of(sigmoid(LOGITS), sigmoid(LOGITS + 0.2 * signs), threshold)
    assert band == pytest.approx(1.2, rel=0.01)
    assert share == pytest.approx(2.4 / 16, abs=0.01)


def test_the_band_holds_every_difference_seen() -> None:
    differences = np.full(201, 0.1)
    differences[20] = 7
    band, _ = band_of(sigmoid(LOGITS), sigmoid(LOGITS + differences), 0.5)
    assert band == pytest.approx(7, rel=0.01)


def test_a_flip_counts_with_its_whole_way() -> None:
    """Two outputs that swap places have the same margin before and after: the labels make the difference."""
    low = np.tile(np.array([[0.7, 0.2, 0.1]], dtype=np.float32), (120, 1))
    high = low.copy()
    high[0] = [0.2, 0.7, 0.1]
    band, share = band_of(low, high, 0.5)
    assert band == pytest.approx(2 * np.log(3.5), rel=1e-5)
    assert share == 1


def test_images_that_tell_nothing_do_not_narrow_the_band() -> None:
    low, high = sigmoid(LOGITS), sigmoid(LOGITS + 0.2)
    sure = np.ones((5000, 1), dtype=np.float32)
    assert band_of(np.vstack([low, sure]), np.vstack([high, sure]), 0.5)[0] == band_of(low, high, 0.5)[0]
    with pytest.raises(NotCalibrated, match="only 50 of 5050 images have a probability that is not 0 or 1"):
        band_of(np.vstack([low[:50], sure]), np.vstack([high[:50], sure]), 0.5)


def test_an_output_that_is_no_number_is_refused() -> None:
    low = sigmoid(LOGITS)
    low[3] = np.nan
    with pytest.raises(NotCalibrated, match="not a number"):
        band_of(low, sigmoid(LOGITS), 0.5)


@pytest.mark.parametrize(
    ("low_cost", "share", "fits"), [(0.6, 0.05, True), (0.6, 0.5, False), (1.0, 0.0, False), (float("nan"), 0.0, False)]
)
def test_a_cascade_must_be_faster_than_f32(low_cost: float, share: float, fits: bool) -> None:
    found = Calibration(300, 3.0, share, low_cost)
    if fits:
        check_worth_it(found)
    else:
        with pytest.raises(NotCalibrated, match=f"and f32 would decide {share:.0%} of the images again"):
            check_worth_it(found)


class Brightness:
    """An engine: the mean of the image is its probability."""

    batch_size = 1

    def __init__(self) -> None:
        self.largest_batch = 0

    def predict(self, images: Images) -> Images:
        self.largest_batch = max(self.largest_batch, len(images))
        return np.asarray(images.mean(axis=(1, 2, 3))[:, None])

    def take_counts(self) -> Counts:
        return Counts()


def test_few_images_are_held_at_once() -> None:
    low, high = Brightness(), Brightness()
    found = measure(low, high, (np.full((2, 2, 3), p, np.float32) for p in np.linspace(0.01, 0.99, 130)), 0.5)
    assert (found.images, found.band) == (130, 0.0)
    assert low.largest_batch == high.largest_batch == BATCH


@pytest.mark.parametrize("count", [0, 99])
def test_too_few_images_calibrate_nothing(count: int) -> None:
    with pytest.raises(NotCalibrated, match=f"only {count} images can be decoded"):
        measure(Brightness(), Brightness(), [np.full((2, 2, 3), 0.4, np.float32)] * count, 0.5)


def random_images(count: int = 120) -> Iterator[Images]:
    generator = np.random.default_rng(20)
    for _ in range(count):
        yield generator.uniform(-1, 1, (16, 16, 3)).astype(np.float32)


def test_a_model_is_calibrated_once_for_each_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_engine, "has_native_bf16", lambda: True)
    monkeypatch.setattr(module, "WORTH_IT", float("inf"))
    model = save_model(tmp_path / "model.keras")
    spec = spec_of(model)
    few = np.stack(list(random_images(2)))
    xml = Path(choose_engine(Workspace(tmp_path), model, spec, "openvino", "f32", few).path)

    first = calibrate(xml, spec, random_images())
    assert calibrate(xml, spec, iter(())) == first
    other = dataclasses.replace(spec, threshold=0.6)
    with pytest.raises(NotCalibrated, match="only 0 images"):
        calibrate(xml, other, iter(()))

    monkeypatch.setattr(openvino_engine, "platform_of_outputs", lambda: {"cpu": "another", "openvino": "another"})
    with pytest.raises(NotCalibrated, match="only 0 images"):
        calibrate(xml, spec, iter(()))
    monkeypatch.setattr(openvino_engine, "has_native_bf16", lambda: False)
    with pytest.raises(NotCalibrated, match="the CPU of the driver has no bf16"):
        calibrate(xml, spec, random_images())


def test_what_does_not_pay_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_engine, "has_native_bf16", lambda: True)
    monkeypatch.setattr(module, "WORTH_IT", 0.0)
    model = save_model(tmp_path / "model.keras")
    spec = spec_of(model)
    few = np.stack(list(random_images(2)))
    xml = Path(choose_engine(Workspace(tmp_path), model, spec, "openvino", "f32", few).path)
    with pytest.raises(NotCalibrated, match="of f32's time"):
        calibrate(xml, spec, random_images())
    assert not (xml.parent / "calibrated-bf16.json").exists()


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    """A manifest of 60 pictures in shards of 30, 20 and 10; each has its own number as its colour."""
    found = Workspace(tmp_path / "workspace").run("20260101T000000Z")
    found.manifest.mkdir(parents=True)
    number = 0
    for shard, rows in enumerate((30, 20, 10)):
        names = [f"{number + row:02d}.png" for row in range(rows)]
        for name in names:
            Image.new("RGB", (2, 2), (number, 0, 0)).save(tmp_path / name)
            number += 1
        pq.write_table(pa.table({"img_path": names}), found.manifest / shard_name(shard))
    return found


def numbers(run: RunPaths, count: int) -> list[int]:
    return [int(image[0, 0, 0]) for image in spread_images(run, run.root.parents[2], SPEC, count)]


def test_images_are_spread_evenly_over_the_manifest(run: RunPaths) -> None:
    assert numbers(run, 12) == list(range(2, 60, 5))
    assert numbers(run, 60) == numbers(run, 300) == list(range(60))
    assert numbers(run, 1) == [40]  # the middle of the shard in the middle


def test_no_more_shards_are_opened_than_images_are_wanted(run: RunPaths) -> None:
    (run.manifest / shard_name(1)).write_text("not opened")
    assert numbers(run, 2) == [10, 50]


def test_images_that_cannot_be_decoded_are_left_out(run: RunPaths) -> None:
    (run.root.parents[2] / "07.png").write_bytes(noise().tobytes())
    (run.root.parents[2] / "12.png").unlink()
    assert numbers(run, 12) == [number for number in range(2, 60, 5) if number not in (7, 12)]

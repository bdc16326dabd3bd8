from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines import Counts, Engine, openvino_engine
from image_scoring.model.model_store import calibration_file, quantized
from image_scoring.model.precision import cascade_calibration as module
from image_scoring.model.precision.cascade_calibration import (
    BATCH,
    LOW_PRECISIONS,
    Calibration,
    NotCalibrated,
    band_of,
    calibrate,
    measure,
)
from image_scoring.model.spec import ModelSpec
from run_contract.files import remove
from run_contract.layout import Workspace
from tests.helpers import random_images, save_model, spec_of

Images = NDArray[np.float32]


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
    found = measure("bf16", low, high, (np.full((2, 2, 3), p, np.float32) for p in np.linspace(0.01, 0.99, 130)), 0.5)
    assert (found.low, found.images, found.band) == ("bf16", 130, 0.0)
    assert low.largest_batch == high.largest_batch == BATCH


@dataclasses.dataclass
class Scene:
    """A tiny converted model, and which low precisions this CPU is said to have: all of them run on any."""

    model_xml: Path
    spec: ModelSpec
    native: Sequence[str] = ("bf16",)

    def calibrate(self, images: Sequence[Images]) -> Calibration:
        return calibrate(self.model_xml, self.spec, images)

    @property
    def file(self) -> Path:
        return calibration_file(self.model_xml.parent)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    model = save_model(tmp_path / "model.keras")
    spec = spec_of(model)
    choice = choose_engine(Workspace(tmp_path), model, spec, "openvino", "f32", random_images(2))
    scene = Scene(Path(choice.path), spec)
    monkeypatch.setattr(openvino_engine, "is_native", lambda precision: precision in scene.native)
    monkeypatch.setattr(module, "WORTH_IT", float("inf"))
    return scene


def test_a_model_is_calibrated_once_for_each_setting(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    first = scene.calibrate(random_images())
    assert (first.low, first.images) == ("bf16", 105)
    assert scene.calibrate([]) == first
    spec, scene.spec = scene.spec, dataclasses.replace(scene.spec, threshold=0.6)
    with pytest.raises(NotCalibrated, match="only 0 images"):
        scene.calibrate([])

    scene.spec = spec
    monkeypatch.setattr(openvino_engine, "platform_of_outputs", lambda: {"cpu": "another", "openvino": "another"})
    with pytest.raises(NotCalibrated, match="only 0 images"):
        scene.calibrate([])
    scene.native = ()
    with pytest.raises(NotCalibrated, match="the CPU of the driver has no int8 and no bf16"):
        scene.calibrate(random_images())


def test_what_the_cpu_has_no_longer_is_not_used(scene: Scene) -> None:
    scene.calibrate(random_images())
    scene.native = ("int8",)
    with pytest.raises(NotCalibrated, match="only 0 images"):
        scene.calibrate([])


@pytest.mark.parametrize("count", [0, 1, 132])
def test_too_few_images_calibrate_and_quantize_nothing(count: int, scene: Scene) -> None:
    """Of 132 a quarter is for the quantizer."""
    scene.native = LOW_PRECISIONS
    with pytest.raises(NotCalibrated, match=f"only {count - count // 4} images can be decoded to measure it on"):
        scene.calibrate(random_images(count))
    assert not quantized(scene.model_xml).exists()


def test_the_quantizer_sees_no_image_that_the_band_is_measured_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.native = ("int8",)
    seen: dict[str, list[bytes]] = {}

    def show(xml: Path, images: Any) -> None:
        seen["quantizer"] = [image.tobytes() for image in images]

    def measure(name: str, low: Engine, high: Engine, images: Any, threshold: float) -> Calibration:
        seen["band"] = [image.tobytes() for image in images]
        return Calibration(name, 300, 1.0, 0.1, 0.5)

    monkeypatch.setattr(module, "quantize_once", show)
    monkeypatch.setattr(module, "open_engine", lambda choice: None)
    monkeypatch.setattr(module, "measure", measure)
    images = random_images(400)
    scene.calibrate(images)
    assert (len(seen["quantizer"]), len(seen["band"])) == (100, 300)
    assert {*seen["quantizer"], *seen["band"]} == {image.tobytes() for image in images}

    remove(scene.file)
    monkeypatch.setattr(module, "RANGES_BYTES", 30 * images[0].nbytes)
    scene.calibrate(images)
    assert seen["quantizer"] == [image.tobytes() for image in images[3::16]]


def tell_costs(monkeypatch: pytest.MonkeyPatch, **told: tuple[float, float]) -> None:
    """Whatever is measured, each precision's share inside the band and low_cost are these."""
    monkeypatch.setattr(
        module,
        "measure",
        lambda name, low, high, images, threshold: Calibration(name, 300, 1.0, *told[name]),
    )


@pytest.mark.parametrize(
    ("int8", "bf16", "expected"),
    [
        ((0.12, 0.47), (0.07, 0.61), "int8"),
        ((0.30, 0.47), (0.07, 0.61), "bf16"),
        ((0.60, 0.47), (0.07, 0.61), "bf16"),
        ((0.12, 0.47), (0.60, 0.61), "int8"),
        ((float("nan"), 0.47), (0.07, 0.61), "bf16"),
    ],
)
def test_the_cheapest_wins(
    int8: tuple[float, float],
    bf16: tuple[float, float],
    expected: str,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene.native = LOW_PRECISIONS
    monkeypatch.setattr(module, "WORTH_IT", 0.9)
    tell_costs(monkeypatch, int8=int8, bf16=bf16)
    assert scene.calibrate(random_images()).low == expected
    assert scene.calibrate([]).low == expected


def test_what_does_not_pay_is_not_remembered(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.native = LOW_PRECISIONS
    monkeypatch.setattr(module, "WORTH_IT", 0.9)
    tell_costs(monkeypatch, int8=(0.0, 1.0), bf16=(0.5, 0.6))
    with pytest.raises(NotCalibrated) as error:
        scene.calibrate(random_images())
    assert str(error.value) == (
        "int8 takes 100% of f32's time and f32 would decide 0.0% of the images; "
        "bf16 takes 60% of f32's time and f32 would decide 50.0% of the images"
    )
    assert not scene.file.exists()


def test_int8_that_was_removed_is_made_and_measured_anew(scene: Scene) -> None:
    scene.native = ("int8",)
    assert scene.calibrate(random_images()).low == "int8"
    remove(quantized(scene.model_xml).parent)
    assert scene.calibrate(random_images()).low == "int8"
    assert quantized(scene.model_xml).exists()


def test_a_quantizer_that_fails_leaves_bf16(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no such\nlayer")

    scene.native = LOW_PRECISIONS
    monkeypatch.setattr(module, "quantize_once", fail)
    assert scene.calibrate(random_images()).low == "bf16"
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line == "model model: it cannot be quantized to int8 (no such layer); going on without"

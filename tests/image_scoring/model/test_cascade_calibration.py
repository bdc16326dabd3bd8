"""The calibration of a cascade: the low precision, the band and when a calibration is valid."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines import openvino_engine
from image_scoring.model.engines.engine import Engine, EngineCounts
from image_scoring.model.model_store import calibration_file, int8_model
from image_scoring.model.precision import cascade_calibration as module
from image_scoring.model.precision import measurement
from image_scoring.model.precision.cascade_calibration import LOW_PRECISIONS, Calibration, band_of, calibrate, measure
from image_scoring.model.precision.measurement import BATCH, PrecisionRefused
from image_scoring.model.spec import ModelSpec
from run_contract.files import remove
from run_contract.layout import Workspace
from tests.helpers import random_images, save_model, spec_of

Images = NDArray[np.float32]


def sigmoid(logits: NDArray[np.float64]) -> Images:
    """Return the outputs (n, 1) of one sigmoid."""
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


def test_a_flip_counts_with_both_margins() -> None:
    """Two outputs that swap places have the same margin before and after, but for different labels."""
    low = np.tile(np.array([[0.7, 0.2, 0.1]], dtype=np.float32), (120, 1))
    high = low.copy()
    high[0] = [0.2, 0.7, 0.1]
    band, share = band_of(low, high, 0.5)
    assert band == pytest.approx(2 * np.log(3.5), rel=1e-5)
    assert share == 1


def test_saturated_images_do_not_narrow_the_band() -> None:
    low, high = sigmoid(LOGITS), sigmoid(LOGITS + 0.2)
    sure = np.ones((5000, 1), dtype=np.float32)
    assert band_of(np.vstack([low, sure]), np.vstack([high, sure]), 0.5)[0] == band_of(low, high, 0.5)[0]
    with pytest.raises(PrecisionRefused, match="only 50 of 5050 images have a probability that is not 0 or 1"):
        band_of(np.vstack([low[:50], sure]), np.vstack([high[:50], sure]), 0.5)


def test_an_output_that_is_no_number_is_refused() -> None:
    low = sigmoid(LOGITS)
    low[3] = np.nan
    with pytest.raises(PrecisionRefused, match="not a number"):
        band_of(low, sigmoid(LOGITS), 0.5)


class Brightness:
    """An engine whose output is the mean of the image."""

    batch_size = 1

    def __init__(self) -> None:
        self.largest_batch = 0

    def predict(self, images: Images) -> Images:
        self.largest_batch = max(self.largest_batch, len(images))
        return np.asarray(images.mean(axis=(1, 2, 3))[:, None])

    def take_counts(self) -> EngineCounts:
        return EngineCounts()


def test_images_are_measured_in_batches() -> None:
    low, high = Brightness(), Brightness()
    found = measure("bf16", low, high, (np.full((2, 2, 3), p, np.float32) for p in np.linspace(0.01, 0.99, 130)), 0.5)
    assert (found.low, found.images, found.band) == ("bf16", 130, 0.0)
    assert low.largest_batch == high.largest_batch == BATCH


@dataclasses.dataclass
class ConvertedModel:
    """A tiny converted model. native: the low precisions that this CPU is said to have; it runs all of them."""

    model_xml: Path
    spec: ModelSpec
    native: Sequence[str] = ("bf16",)

    def calibrate(self, images: Sequence[Images]) -> Calibration:
        return calibrate(self.model_xml, self.spec, images)

    @property
    def file(self) -> Path:
        return calibration_file(self.model_xml)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConvertedModel:
    file = save_model(tmp_path / "model.keras")
    spec = spec_of(file)
    choice = choose_engine(Workspace(tmp_path), file, spec, "openvino", "f32", random_images(2))
    model = ConvertedModel(Path(choice.path), spec)
    monkeypatch.setattr(openvino_engine, "is_native", lambda precision: precision in model.native)
    monkeypatch.setattr(module, "MAX_COST", float("inf"))
    return model


def test_a_model_is_calibrated_once_for_the_same_conditions(
    model: ConvertedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = model.calibrate(random_images())
    assert (first.low, first.images) == ("bf16", 105)
    assert model.calibrate([]) == first
    spec, model.spec = model.spec, dataclasses.replace(model.spec, threshold=0.6)
    with pytest.raises(PrecisionRefused, match="only 0 images"):
        model.calibrate([])

    model.spec = spec
    monkeypatch.setattr(openvino_engine, "cpu_name", lambda: "another")
    with pytest.raises(PrecisionRefused, match="only 0 images"):
        model.calibrate([])
    model.native = ()
    with pytest.raises(PrecisionRefused, match="the CPU of the driver has no int8 and no bf16"):
        model.calibrate(random_images())


def test_a_precision_that_the_cpu_has_no_longer_is_not_used(model: ConvertedModel) -> None:
    model.calibrate(random_images())
    model.native = ("int8",)
    with pytest.raises(PrecisionRefused, match="only 0 images"):
        model.calibrate([])


@pytest.mark.parametrize("count", [0, 1, 132])
def test_too_few_images_calibrate_and_quantize_nothing(count: int, model: ConvertedModel) -> None:
    """A quarter of the 132 images is for the quantizer."""
    model.native = LOW_PRECISIONS
    with pytest.raises(PrecisionRefused, match=f"only {count - count // 4} images can be decoded to measure it on"):
        model.calibrate(random_images(count))
    assert not int8_model(model.model_xml).exists()


def test_the_quantizer_sees_no_image_that_the_band_is_measured_on(
    model: ConvertedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.native = ("int8",)
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
    model.calibrate(images)
    assert (len(seen["quantizer"]), len(seen["band"])) == (100, 300)
    assert {*seen["quantizer"], *seen["band"]} == {image.tobytes() for image in images}

    remove(model.file)
    monkeypatch.setattr(measurement, "QUANTIZER_BYTES", 30 * images[0].nbytes)
    model.calibrate(images)
    assert seen["quantizer"] == [image.tobytes() for image in images[3::16]]


def set_costs(monkeypatch: pytest.MonkeyPatch, **costs: tuple[float, float]) -> None:
    """Replace the measurement: each precision has these values of share and low_cost."""
    monkeypatch.setattr(
        module,
        "measure",
        lambda name, low, high, images, threshold: Calibration(name, 300, 1.0, *costs[name]),
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
    model: ConvertedModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model.native = LOW_PRECISIONS
    monkeypatch.setattr(module, "MAX_COST", 0.9)
    set_costs(monkeypatch, int8=int8, bf16=bf16)
    assert model.calibrate(random_images()).low == expected
    assert model.calibrate([]).low == expected


def test_a_cascade_that_is_not_worth_using_is_not_stored(
    model: ConvertedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.native = LOW_PRECISIONS
    monkeypatch.setattr(module, "MAX_COST", 0.9)
    set_costs(monkeypatch, int8=(0.0, 1.0), bf16=(0.5, 0.6))
    with pytest.raises(PrecisionRefused) as error:
        model.calibrate(random_images())
    assert str(error.value) == (
        "int8 takes 100% of f32's time and f32 would decide 0.0% of the images; "
        "bf16 takes 60% of f32's time and f32 would decide 50.0% of the images"
    )
    assert not model.file.exists()


def test_int8_that_was_removed_is_made_and_measured_again(model: ConvertedModel) -> None:
    model.native = ("int8",)
    assert model.calibrate(random_images()).low == "int8"
    remove(int8_model(model.model_xml).parent)
    assert model.calibrate(random_images()).low == "int8"
    assert int8_model(model.model_xml).exists()


def test_a_quantizer_that_fails_leaves_bf16(
    model: ConvertedModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no such\nlayer")

    model.native = LOW_PRECISIONS
    monkeypatch.setattr(module, "quantize_once", fail)
    assert model.calibrate(random_images()).low == "bf16"
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line == "model model: it cannot be quantized to int8 (no such layer); continuing without int8"


@pytest.mark.parametrize("content", ["{", "{}", '{"version": 2}'])
def test_a_damaged_calibration_is_measured_again(
    content: str, model: ConvertedModel, caplog: pytest.LogCaptureFixture
) -> None:
    model.file.write_text(content)
    assert model.calibrate(random_images()).low == "bf16"
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith(f"{model.file}: ")
    assert line.endswith("; it is made again")
    assert model.calibrate([]).low == "bf16"

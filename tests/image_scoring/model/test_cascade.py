"""The cascade: f32 decides inside the band, and a random recheck looks outside it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from image_scoring.images.loading import load_image
from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines import cascade, openvino_engine
from image_scoring.model.engines.cascade import CascadeEngine, logits_of, margins_of
from image_scoring.model.engines.engine import EngineChoice, EngineCounts
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.output_labels import labels_of
from image_scoring.model.precision import cascade_calibration as calibration
from image_scoring.model.spec import load_spec
from run_contract.layout import Workspace
from tests.helpers import MODEL, SAMPLE, save_model, spec_of

Images = NDArray[np.float32]
SPEC = load_spec(MODEL)[0]


class PresetEngine:
    """An engine whose outputs are values of the images: [0, column, 0], one column for each output."""

    batch_size = 1

    def __init__(self, *columns: int) -> None:
        self.columns = list(columns)
        self.predicted = 0

    def predict(self, images: Images) -> Images:
        self.predicted += len(images)
        return images[:, 0, self.columns, 0]

    def take_counts(self) -> EngineCounts:
        return EngineCounts()


def images_with(low: list[float], high: list[float]) -> Images:
    """Return images (n, 1, 3, 1) that hold the outputs of PresetEngine(0) and PresetEngine(1); all images differ."""
    return np.stack([low, high, np.arange(len(low))], axis=1, dtype=np.float32)[:, None, :, None]


@pytest.fixture
def recheck_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascade, "RECHECK_ONE_IN", 2**40)


@pytest.mark.usefixtures("recheck_none")
@pytest.mark.parametrize(
    ("threshold", "again"),
    [(0.5, [False, True, True, True, False]), (0.9, [False, False, False, False, True])],
)
def test_f32_decides_inside_the_band_and_nowhere_else(threshold: float, again: list[bool]) -> None:
    images = images_with([0.1, 0.3, 0.5, 0.7, 0.9], [0.15, 0.35, 0.55, 0.25, 0.95])
    low, high = PresetEngine(0), PresetEngine(1)
    engine = CascadeEngine(low, high, band=1.0, threshold=threshold)
    np.testing.assert_array_equal(engine.predict(images)[:, 0], np.where(again, images[:, 0, 1, 0], images[:, 0, 0, 0]))
    assert (low.predicted, high.predicted) == (5, sum(again))
    assert engine.take_counts() == EngineCounts(images=5, rerun=sum(again))
    assert engine.take_counts() == EngineCounts()


@pytest.mark.usefixtures("recheck_none")
def test_of_several_outputs_the_first_two_make_the_margin() -> None:
    low = np.array([[0.5, 0.4, 0.1], [0.8, 0.1, 0.1], [0.1, 0.3, 0.6]], dtype=np.float32)
    high = low[:, ::-1]
    images = np.concatenate([low, high], axis=1)[:, None, :, None]
    found = CascadeEngine(PresetEngine(0, 1, 2), PresetEngine(3, 4, 5), band=np.log(1.9), threshold=0.5).predict(images)
    np.testing.assert_array_equal(found, [high[0], low[1], low[2]])


@pytest.mark.usefixtures("recheck_none")
def test_an_output_that_is_nan_is_uncertain() -> None:
    engine = CascadeEngine(PresetEngine(0), PresetEngine(1), band=1.0, threshold=0.5)
    assert engine.predict(images_with([np.nan], [0.9]))[0, 0] == np.float32(0.9)
    assert engine.take_counts() == EngineCounts(images=1, rerun=1)


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_logits_of_extremes_are_finite(threshold: float) -> None:
    outputs = np.array([[0.0], [1.0], [0.5]], dtype=np.float32)
    assert np.all(np.isfinite(logits_of(outputs, threshold)))


def test_a_label_that_is_behind_has_a_negative_margin() -> None:
    logits = logits_of(np.array([[0.2], [0.8]], dtype=np.float32), 0.5)
    np.testing.assert_allclose(margins_of(logits, np.array([1, 1])), [-np.log(4), np.log(4)], rtol=1e-6)


def test_a_wrong_low_engine_is_found_by_the_random_recheck() -> None:
    count = 20_000
    images = images_with([0.99] * count, [0.01] * count)
    engine = CascadeEngine(PresetEngine(0), PresetEngine(1), band=1.0, threshold=0.5)
    found = engine.predict(images)[:, 0]
    counts = engine.take_counts()
    assert 0.008 * count < counts.rechecked < 0.012 * count
    assert counts == EngineCounts(images=count, rerun=0, rechecked=counts.rechecked, flips=counts.rechecked)
    assert int(np.sum(found == np.float32(0.01))) == counts.flips


def test_a_recheck_that_agrees_changes_nothing() -> None:
    images = images_with([0.99] * 2000, [0.97] * 2000)
    engine = CascadeEngine(PresetEngine(0), PresetEngine(1), band=1.0, threshold=0.5)
    assert np.all(engine.predict(images) == np.float32(0.99))
    counts = engine.take_counts()
    assert counts.rechecked > 0
    assert counts.flips == 0


def test_neighbours_and_batches_do_not_matter() -> None:
    generator = np.random.default_rng(20)
    images = images_with(list(generator.uniform(0, 1, 3000)), list(generator.uniform(0, 1, 3000)))
    together, apart = (CascadeEngine(PresetEngine(0), PresetEngine(1), band=1.0, threshold=0.5) for _ in range(2))
    found = together.predict(images)
    alone = [apart.predict(images[index : index + 1])[0] for index in reversed(range(3000))]
    np.testing.assert_array_equal(found, alone[::-1])
    counts = together.take_counts()
    assert counts == apart.take_counts()
    assert min(counts.rerun, counts.rechecked, counts.flips) > 0


@pytest.fixture(scope="module")
def images() -> Images:
    """The good images of the sample and their mirror images: enough to calibrate on."""
    paths = sorted([*SAMPLE.glob("*/cat.*"), *SAMPLE.glob("*/dog.*")])
    upright = [load_image(os.fsencode(path), SPEC.input_size, SPEC.preprocessing) for path in paths]
    return np.stack([*upright, *(image[:, ::-1] for image in upright)])


@pytest.fixture(scope="module")
def choose(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], EngineChoice]:
    """A function that chooses the cascade for the project's own model, always in the same workspace."""
    workspace = Workspace(tmp_path_factory.mktemp("cascade"))
    return lambda: choose_engine(workspace, MODEL, SPEC, "openvino", "cascade", images[::30], images)


@pytest.fixture
def any_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that this CPU has all precisions and that their speed does not matter: OpenVINO runs them on any CPU."""
    monkeypatch.setattr(openvino_engine, "is_native", lambda precision: True)
    monkeypatch.setattr(calibration, "MAX_COST", float("inf"))


@pytest.mark.slow
@pytest.mark.usefixtures("any_machine")
def test_the_labels_are_those_of_f32(choose: Callable[[], EngineChoice], images: Images) -> None:
    choice = choose()
    assert (choice.name, choice.precision, choice.threshold) == ("openvino", "cascade", SPEC.threshold)
    found = open_engine(choice).predict(images)
    expected = open_engine(EngineChoice("openvino", "f32", choice.path)).predict(images)
    assert list(labels_of(found, SPEC)[0]) == list(labels_of(expected, SPEC)[0])
    assert choose() == choice


@pytest.mark.slow
@pytest.mark.usefixtures("any_machine")
def test_real_outputs_are_bit_for_bit_those_of_the_engine_that_decided(
    choose: Callable[[], EngineChoice], images: Images
) -> None:
    choice = choose()
    images = images[::8]
    low, high = (
        open_engine(EngineChoice("openvino", precision, choice.path)).predict(images) for precision in choice.precisions
    )
    logits = logits_of(low, SPEC.threshold)
    margins = margins_of(logits, logits.argmax(axis=1))
    band = float(np.median(margins))
    uncertain = margins <= band
    engine = open_engine(replace(choice, band=band))
    np.testing.assert_array_equal(engine.predict(images), np.where(uncertain[:, None], high, low))
    assert engine.take_counts().rerun == uncertain.sum() == len(images) // 2


@pytest.mark.parametrize("low", calibration.LOW_PRECISIONS)
def test_a_worker_without_the_low_precision_uses_f32_alone(
    low: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = save_model(tmp_path / "model.keras")
    images = np.random.default_rng(20).uniform(-1, 1, (5, 16, 16, 3)).astype(np.float32)
    choice = choose_engine(Workspace(tmp_path), model, spec_of(model), "openvino", "f32", images)
    monkeypatch.setattr(openvino_engine, "is_native", lambda precision: precision != low)
    engine = open_engine(replace(choice, precision="cascade", band=0.0, low=low))
    np.testing.assert_array_equal(engine.predict(images), open_engine(choice).predict(images))
    assert engine.take_counts() == EngineCounts()
    assert f"the CPU of this worker has no {low}; using f32 alone" in caplog.text

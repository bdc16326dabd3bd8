"""int8 alone: how often it agrees with f32 is known before it predicts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines import Counts, EngineChoice, open_engine, openvino_engine
from image_scoring.model.model_store import agreement_file, quantized
from image_scoring.model.precision import int8_agreement as module
from image_scoring.model.precision.int8_agreement import Agreement, measure_agreement
from image_scoring.model.spec import ModelSpec
from run_contract.files import read_json
from run_contract.layout import Workspace
from tests.helpers import random_images, save_model, spec_of

Images = NDArray[np.float32]


@dataclasses.dataclass
class Scene:
    """A tiny model, on a CPU that is said to have int8."""

    workspace: Workspace
    model: Path
    spec: ModelSpec
    native: bool = True

    def choose(self, images: Sequence[Images], precision: str = "int8") -> EngineChoice:
        return choose_engine(self.workspace, self.model, self.spec, "openvino", precision, random_images(2), images)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    model = save_model(tmp_path / "model.keras")
    scene = Scene(Workspace(tmp_path), model, spec_of(model))
    monkeypatch.setattr(openvino_engine, "is_native", lambda precision: scene.native)
    return scene


class Inverted:
    """The opposite of the engine's answer for the first so many images it is asked about."""

    batch_size = 1

    def __init__(self, choice: EngineChoice, wrong: int) -> None:
        self._engine, self._wrong = open_engine(choice), wrong

    def predict(self, images: Images) -> Images:
        outputs = self._engine.predict(images)
        wrong = min(self._wrong, len(images))
        outputs[:wrong] = 1 - outputs[:wrong]
        self._wrong -= wrong
        return outputs

    def take_counts(self) -> Counts:
        return Counts()


def break_int8(monkeypatch: pytest.MonkeyPatch, wrong: int) -> None:
    monkeypatch.setattr(
        module, "open_engine", lambda choice: Inverted(choice, wrong if choice.precision == "int8" else 0)
    )


def test_it_is_measured_once_and_said(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    choice = scene.choose(random_images())
    assert (choice.name, choice.precision, choice.precisions) == ("openvino", "int8", ("int8",))
    assert choice.agreement is not None
    assert choice.agreement >= module.LEAST_SHARE
    assert quantized(Path(choice.path)).exists()
    measured = read_json(agreement_file(Path(choice.path).parent))["agreement"]
    assert f"int8 has the label of f32 on {measured['equal']} of 105 images" in caplog.text
    assert scene.choose([]) == choice


def test_each_other_label_counts(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(scene.choose([], "f32").path)
    break_int8(monkeypatch, 0)
    before = measure_agreement(path, scene.spec, random_images())
    agreement_file(path.parent).unlink()
    # Of the first of them the labels are equal, and then they are not.
    break_int8(monkeypatch, 1)
    after = measure_agreement(path, scene.spec, random_images())
    assert (before.images, after.images) == (105, 105)
    assert after.equal == before.equal - 1


def test_a_quantized_model_that_is_another_one_is_not_used(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    break_int8(monkeypatch, 10)
    choice = scene.choose(random_images())
    assert (choice.precision, choice.agreement) == ("f32", None)
    assert "of 105 images, it takes 95%); using f32" in caplog.text
    assert scene.choose([]).precision == "f32"  # known by now


def test_what_cannot_be_measured_is_not_used(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert scene.choose(random_images(40)).precision == "f32"
    assert "only 30 images can be decoded to measure it on" in caplog.text

    def fail(*_: object) -> None:
        raise RuntimeError("no such\nlayer")

    monkeypatch.setattr(module, "quantize_once", fail)
    assert scene.choose(random_images()).precision == "f32"
    assert "precision int8 is not used (it cannot be quantized: no such layer); using f32" in caplog.text
    scene.native = False
    assert scene.choose(random_images()).precision == "f32"
    assert "the CPU of the driver has no int8" in caplog.text


def test_another_cpu_measures_anew(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.choose(random_images())
    monkeypatch.setattr(openvino_engine, "platform_of_outputs", lambda: {"cpu": "another", "openvino": "another"})
    assert scene.choose([]).precision == "f32"
    assert scene.choose(random_images()).precision == "int8"


def test_the_share_is_of_the_images() -> None:
    assert Agreement(300, 297).share == pytest.approx(0.99)

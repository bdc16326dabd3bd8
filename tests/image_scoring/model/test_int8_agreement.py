"""The agreement of int8 with f32, which is measured before int8 predicts alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines import openvino_engine
from image_scoring.model.engines.engine import EngineChoice, EngineCounts
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.model_store import agreement_file, int8_model
from image_scoring.model.precision import int8_agreement as module
from image_scoring.model.precision.int8_agreement import Agreement, AgreementRecord, measure_agreement
from image_scoring.model.spec import ModelSpec
from run_contract.layout import Workspace
from run_contract.record import read_record
from tests.helpers import random_images, save_model, spec_of

Images = NDArray[np.float32]


@dataclasses.dataclass
class TinyModel:
    """A tiny model. native: whether this CPU is said to have int8."""

    workspace: Workspace
    file: Path
    spec: ModelSpec
    native: bool = True

    def choose(self, images: Sequence[Images], precision: str = "int8") -> EngineChoice:
        return choose_engine(self.workspace, self.file, self.spec, "openvino", precision, random_images(2), images)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyModel:
    file = save_model(tmp_path / "model.keras")
    model = TinyModel(Workspace(tmp_path), file, spec_of(file))
    monkeypatch.setattr(openvino_engine, "is_native", lambda precision: model.native)
    return model


class Inverted:
    """An engine with the opposite outputs for its first `wrong` images."""

    batch_size = 1

    def __init__(self, choice: EngineChoice, wrong: int) -> None:
        self._engine, self._wrong = open_engine(choice), wrong

    def predict(self, images: Images) -> Images:
        outputs = self._engine.predict(images)
        wrong = min(self._wrong, len(images))
        outputs[:wrong] = 1 - outputs[:wrong]
        self._wrong -= wrong
        return outputs

    def take_counts(self) -> EngineCounts:
        return EngineCounts()


def break_int8(monkeypatch: pytest.MonkeyPatch, wrong: int) -> None:
    monkeypatch.setattr(
        module, "open_engine", lambda choice: Inverted(choice, wrong if choice.precision == "int8" else 0)
    )


def test_it_is_measured_once_and_logged(model: TinyModel, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    choice = model.choose(random_images())
    assert (choice.name, choice.precision, choice.precisions) == ("openvino", "int8", ("int8",))
    assert choice.agreement is not None
    assert choice.agreement >= module.MIN_SHARE
    assert int8_model(Path(choice.path)).exists()
    record = read_record(AgreementRecord, agreement_file(Path(choice.path)))
    assert record is not None
    assert f"int8 has the label of f32 on {record.agreement.equal} of 105 images" in caplog.text
    assert model.choose([]) == choice


def test_each_changed_label_counts(model: TinyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(model.choose([], "f32").path)
    break_int8(monkeypatch, 0)
    before = measure_agreement(path, model.spec, random_images())
    agreement_file(path).unlink()
    # On the first image the labels were equal; now they are not.
    break_int8(monkeypatch, 1)
    after = measure_agreement(path, model.spec, random_images())
    assert (before.images, after.images) == (105, 105)
    assert after.equal == before.equal - 1


def test_a_quantized_model_with_too_many_changed_labels_is_not_used(
    model: TinyModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    break_int8(monkeypatch, 10)
    choice = model.choose(random_images())
    assert (choice.precision, choice.agreement) == ("f32", None)
    assert "of 105 images, at least 95% is needed); using f32" in caplog.text
    assert model.choose([]).precision == "f32"  # from the model store


def test_what_cannot_be_measured_is_not_used(
    model: TinyModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert model.choose(random_images(40)).precision == "f32"
    assert "only 30 images can be decoded to measure it on" in caplog.text

    def fail(*_: object) -> None:
        raise RuntimeError("no such\nlayer")

    monkeypatch.setattr(module, "quantize_once", fail)
    assert model.choose(random_images()).precision == "f32"
    assert "precision int8 is not used (it cannot be quantized: no such layer); using f32" in caplog.text
    model.native = False
    assert model.choose(random_images()).precision == "f32"
    assert "the CPU of the driver has no int8" in caplog.text


def test_another_cpu_measures_again(model: TinyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    model.choose(random_images())
    monkeypatch.setattr(openvino_engine, "cpu_name", lambda: "another")
    assert model.choose([]).precision == "f32"
    assert model.choose(random_images()).precision == "int8"


def test_the_share_is_of_the_images() -> None:
    assert Agreement(300, 297).share == pytest.approx(0.99)


def test_a_damaged_agreement_is_measured_again(model: TinyModel, caplog: pytest.LogCaptureFixture) -> None:
    choice = model.choose(random_images())
    file = agreement_file(Path(choice.path))
    file.write_text('{"conditions": {}}')
    assert model.choose(random_images()) == choice
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line == f"{file}: field conditions: cpu is missing; it is made again"

"""The model store: what is there is used, and what is missing or damaged is made again."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from image_scoring.images.preprocessing_mode import Preprocessing
from image_scoring.model import versions
from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.model_store import converted_model, verification_file
from run_contract.errors import BatchPredictionsError
from run_contract.files import write_json
from run_contract.layout import Workspace
from tests.helpers import random_images, save_model, spec_of

DAMAGES = [b"", b"{", b"\xff\xfe", b"[]", b"{}", b"[" * 100_000]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(tmp_path / "model.keras")


def choose(model: Path, precision: str = "f32") -> EngineChoice:
    return choose_engine(Workspace(model.parent), model, spec_of(model), "openvino", precision, random_images(2))


@pytest.mark.parametrize("content", DAMAGES)
def test_a_model_is_verified_again_when_its_file_is_damaged(
    content: bytes, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model_xml = Path(choose(model).path)
    file, converted = verification_file(model_xml, "f32"), model_xml.stat()
    verified = file.read_bytes()
    file.write_bytes(content)
    assert choose(model) == EngineChoice("openvino", "f32", str(model_xml))
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith(f"{file}: ")
    assert line.endswith("; it is made again")
    assert "\n" not in line
    assert file.read_bytes() == verified
    assert model_xml.stat().st_mtime_ns == converted.st_mtime_ns


def test_a_file_of_another_version_is_made_again(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = verification_file(Path(choose(model).path), "f32")
    verified = json.loads(file.read_text())
    write_json(file, {**verified, "version": 2})
    choose(model)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line == f"{file}: its format has version 2, this release reads version 1; it is made again"
    assert json.loads(file.read_text()) == verified


def test_each_precision_has_its_own_verification(model: Path) -> None:
    model_xml = Path(choose(model).path)
    assert not verification_file(model_xml, "bf16").exists()
    choose(model, "bf16")
    assert verification_file(model_xml, "bf16").exists()


def test_a_model_has_one_conversion_for_each_input_size(model: Path) -> None:
    spec, workspace = spec_of(model), Workspace(model.parent)
    small, large = (converted_model(workspace, replace(spec, input_size=size)) for size in ((8, 16), (16, 8)))
    assert small != large
    assert converted_model(workspace, spec).is_relative_to(workspace.converted_models)


THREE = ("Cat", "Dog", "Owl")


@pytest.mark.parametrize("labels", [("Cat", "Dog"), (*THREE, "Wolf")])
def test_labels_that_were_edited_after_the_first_use_are_checked_again(labels: tuple[str, ...], tmp_path: Path) -> None:
    model = save_model(tmp_path / "three.keras", units=3, activation="softmax")
    choose_engine(Workspace(tmp_path), model, spec_of(model, THREE), "auto", "f32", random_images(2))
    edited = spec_of(model, labels)
    with pytest.raises(BatchPredictionsError, match=f"it has 3 outputs, its spec has {len(labels)} labels"):
        choose_engine(Workspace(tmp_path), model, edited, "auto", "f32", random_images(2))


def test_labels_are_checked_even_against_a_verification_of_as_many_labels(tmp_path: Path) -> None:
    model = save_model(tmp_path / "three.keras", units=3, activation="softmax")
    spec = spec_of(model, THREE)
    file = verification_file(
        Path(choose_engine(Workspace(tmp_path), model, spec, "auto", "f32", random_images(2)).path), "f32"
    )
    write_json(file, {**json.loads(file.read_text()), "outputs": 5})
    with pytest.raises(BatchPredictionsError, match="it has 5 outputs, its spec has 3 labels"):
        choose_engine(Workspace(tmp_path), model, spec, "auto", "f32", random_images(2))


def test_another_threshold_is_verified_again_on_the_same_conversion(model: Path) -> None:
    model_xml = Path(choose(model).path)
    file, converted = verification_file(model_xml, "f32"), model_xml.stat()
    spec = replace(spec_of(model), threshold=0.75)
    choose_engine(Workspace(model.parent), model, spec, "openvino", "f32", random_images(2))
    assert json.loads(file.read_text())["threshold"] == 0.75
    assert model_xml.stat().st_mtime_ns == converted.st_mtime_ns


def test_another_preprocessing_is_verified_again(model: Path) -> None:
    first = choose(model)
    spec = replace(spec_of(model), preprocessing=Preprocessing.RESCALE)
    second = choose_engine(Workspace(model.parent), model, spec, "openvino", "f32", random_images(2))
    assert second.path != first.path
    assert verification_file(Path(second.path), "f32").exists()


@pytest.mark.parametrize("package", ["openvino", "nncf", "keras", "tf-keras", "tensorflow"])
def test_another_version_of_a_library_converts_and_verifies_again(
    package: str, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, workspace = spec_of(model), Workspace(model.parent)
    before = converted_model(workspace, spec)
    monkeypatch.setattr(versions, "version", lambda name: "99.0" if name == package else version(name))
    assert converted_model(workspace, spec) != before


def test_a_verification_without_its_model_counts_for_nothing(model: Path) -> None:
    model_xml = Path(choose(model).path)
    for file in (model_xml, model_xml.with_suffix(".bin")):
        file.unlink()
    assert choose(model).path == str(model_xml)
    assert model_xml.exists()
    assert verification_file(model_xml, "f32").exists()

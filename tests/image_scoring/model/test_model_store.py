"""The model store: what is there is used, and what is missing or damaged is made again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.model_store import converted_model, verification_file
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

"""What makes the predictions of a run outdated."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from image_scoring.driver.scoring import make_scoring_record
from image_scoring.model import versions
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.model_file import HDF5_SIGNATURE
from image_scoring.model.scoring_request import find_outdated
from image_scoring.model.spec import load_spec, save_spec
from run_contract.arguments import JobArguments
from run_contract.errors import BatchPredictionsError
from run_contract.layout import RunPaths, Workspace
from run_contract.record import write_record

KEY = "20260101T000000Z"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "birds.h5"
    path.write_bytes(HDF5_SIGNATURE + b"one")
    return path


def predicted_with(model: Path, engine: str = "openvino", precision: str = "f32", **choice: Any) -> RunPaths:
    """Return a run with the scoring.json of that engine and precision."""
    run = Workspace(model.parent).run(KEY)
    record = make_scoring_record(load_spec(model)[0], EngineChoice(engine, precision, "model.xml", **choice))
    write_record(run.scoring, record)
    return run


def asked_for(model: Path, engine: str = "auto", precision: str = "f32") -> JobArguments:
    return JobArguments(str(model.parent), KEY, str(model), engine, precision)


def test_the_same_request_is_not_outdated(model: Path) -> None:
    assert find_outdated(predicted_with(model), asked_for(model)) == []


def test_a_new_model_under_the_old_name(model: Path) -> None:
    run = predicted_with(model)
    model.write_bytes(HDF5_SIGNATURE + b"two")
    assert find_outdated(run, asked_for(model)) == ["model", "spec"]


def test_a_link_that_leads_to_another_model(model: Path) -> None:
    link = model.with_name("latest.h5")
    link.symlink_to(model)
    run = predicted_with(link)
    assert find_outdated(run, asked_for(link)) == find_outdated(run, asked_for(model)) == []
    other = model.with_name("birds-v2.h5")
    other.write_bytes(HDF5_SIGNATURE + b"two")
    link.unlink()
    link.symlink_to(other)
    assert find_outdated(run, asked_for(link)) == ["model", "spec"]


@pytest.mark.parametrize("changes", [{"labels": ("No", "Yes")}, {"threshold": 0.7}, {"input_size": (8, 8)}])
def test_an_edited_spec(changes: dict[str, Any], model: Path) -> None:
    run = predicted_with(model)
    save_spec(model, replace(load_spec(model)[0], **changes))
    assert find_outdated(run, asked_for(model)) == ["spec"]


def test_another_version_of_a_library(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = predicted_with(model)
    monkeypatch.setattr(versions, "version", lambda name: "99.0" if name == "openvino" else version(name))
    assert find_outdated(run, asked_for(model)) == ["versions"]


@pytest.mark.parametrize(
    ("made", "asked", "outdated"),
    [
        (("openvino", "f32"), ("openvino", "f32"), []),
        (("tensorflow", "f32"), ("auto", "f32"), []),
        (("openvino", "f32"), ("tensorflow", "f32"), ["engine", "versions"]),
        (("tensorflow", "f32"), ("openvino", "f32"), ["engine", "versions"]),
        (("openvino", "bf16"), ("auto", "f32"), ["precision"]),
        (("openvino", "int8"), ("auto", "f32"), ["precision"]),
        (("openvino", "f32"), ("auto", "bf16"), ["precision"]),
        (("tensorflow", "f32"), ("auto", "bf16"), []),  # the fallback
        (("openvino", "f32"), ("auto", "int8"), []),  # refused after the measurement
        (("openvino", "f32"), ("openvino", "cascade"), []),
        (("openvino", "int8"), ("auto", "cascade"), ["precision"]),
    ],
)
def test_engine_and_precision(made: tuple[str, str], asked: tuple[str, str], outdated: list[str], model: Path) -> None:
    assert find_outdated(predicted_with(model, *made), asked_for(model, *asked)) == outdated


def test_a_cascade_keeps_its_measured_band(model: Path) -> None:
    run = predicted_with(model, precision="cascade", band=1.5, low="int8")
    assert find_outdated(run, asked_for(model, precision="cascade")) == []


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_without_a_readable_record_nothing_is_up_to_date(content: str | None, model: Path) -> None:
    run = predicted_with(model)
    run.scoring.unlink() if content is None else run.scoring.write_text(content)
    assert find_outdated(run, asked_for(model)) == ["scoring.json, which is missing or damaged"]


def test_a_model_that_is_gone_is_an_error(model: Path) -> None:
    run = predicted_with(model)
    model.unlink()
    with pytest.raises(BatchPredictionsError, match="no such file"):
        find_outdated(run, asked_for(model))

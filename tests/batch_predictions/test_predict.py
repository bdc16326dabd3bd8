"""When the task predict submits a job, and when there is nothing to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from batch_predictions import predict, settings
from batch_predictions.predict import PredictOperator
from image_scoring.driver.scoring import make_scoring_record
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.model_file import HDF5_SIGNATURE
from image_scoring.model.spec import load_spec, save_spec
from run_contract.layout import RunPaths
from run_contract.record import write_record
from tests.helpers import make_run, manifest_paths, predicted, write_predictions


class Submitted(Exception):
    """The job would be submitted now."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "birds.h5"
    path.write_bytes(HDF5_SIGNATURE + b"one")
    return path


@pytest.fixture
def run(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    """All its shards are predicted with the model."""
    workspace, run = make_run(tmp_path, ["a.jpg"])
    write_predictions(run, [predicted(path) for path in manifest_paths(run)])
    write_record(run.scoring, make_scoring_record(load_spec(model)[0], EngineChoice("openvino", "f32", "model.xml")))

    def submit(*_: Any) -> None:
        raise Submitted

    monkeypatch.setattr(settings, "WORKSPACE", workspace.root)
    monkeypatch.setattr(predict, "load_spark_master", submit)
    return run


def start(model: Path, **params: Any) -> None:
    """Start the task predict of the run."""
    given = {"model": str(model), "engine": "auto", "precision": "f32", "only_new": False, "image_timeout": 60.0}
    due = datetime(2026, 1, 1, tzinfo=UTC)
    context = {
        "params": {**given, "workers": None, **params},
        "dag_run": SimpleNamespace(logical_date=due, run_after=due),
    }
    PredictOperator(task_id="predict")._predict(context)


def test_nothing_is_submitted_when_every_shard_is_predicted_in_the_way_that_is_asked_for(
    model: Path, run: RunPaths, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        start(model)
    assert f"run {run.run_key}: every shard is predicted already, nothing to do" in caplog.messages


def test_a_new_model_under_the_old_name_is_submitted(
    model: Path, run: RunPaths, caplog: pytest.LogCaptureFixture
) -> None:
    model.write_bytes(HDF5_SIGNATURE + b"two")
    with pytest.raises(Submitted):
        start(model)
    assert f"run {run.run_key}: every shard is predicted, but with another model, spec" in caplog.messages


def test_an_edited_spec_is_submitted(model: Path, run: RunPaths) -> None:
    save_spec(model, replace(load_spec(model)[0], labels=("No", "Yes")))
    with pytest.raises(Submitted):
        start(model)


def test_another_engine_is_submitted(model: Path, run: RunPaths) -> None:
    with pytest.raises(Submitted):
        start(model, engine="tensorflow")


def test_predictions_without_a_scoring_record_are_submitted(model: Path, run: RunPaths) -> None:
    run.scoring.unlink()
    with pytest.raises(Submitted):
        start(model)


def test_a_run_with_a_missing_shard_is_submitted(model: Path, run: RunPaths) -> None:
    next(run.predictions.iterdir()).unlink()
    with pytest.raises(Submitted):
        start(model)

"""The cascade on a real cluster: the labels of f32, or f32."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from image_scoring.calibrate import Calibration
from image_scoring.contract import RunPaths, shard_name
from image_scoring.engines.openvino_engine import platform_of_outputs
from image_scoring.files import read_json, write_json
from image_scoring.spec import load_spec
from tests.faults.job import Stage, assert_complete, hashes, rows
from tests.helpers import MODEL

pytestmark = pytest.mark.slow

BF16: dict[str, Any] = {"native_bf16": {}}


@pytest.fixture(scope="module")
def calibrated(stage: Stage) -> None:
    """Measured beforehand: the cascade pays off on a machine that others load, or not, as they like."""
    spec, _ = load_spec(MODEL)
    setting = {**platform_of_outputs(), "preprocessing": spec.preprocessing, "threshold": spec.threshold}
    calibration = Calibration(images=300, band=1.0, share=0.1, low_cost=0.5)
    model_xml = next(stage.workspace.compiled_models.glob("*-openvino-*")) / "model.xml"
    write_json(model_xml.parent / "calibrated-bf16.json", {"setting": setting, "calibration": asdict(calibration)})


@pytest.mark.usefixtures("calibrated")
def test_a_cascade_gives_the_labels_of_f32(stage: Stage, undisturbed: RunPaths) -> None:
    run = stage.new_run("cascade")
    stage.predict(run, precision="cascade", driver=BF16, executors=BF16)
    progress = assert_complete(run)
    assert progress["precision"] == "cascade"
    assert progress["flips"] == 0
    assert progress["rerun"] < progress["rows_total"]
    assert _labels(run) == _labels(undisturbed)


@pytest.mark.usefixtures("calibrated")
def test_one_flip_and_the_run_is_predicted_in_f32_for_good(stage: Stage, undisturbed: RunPaths) -> None:
    run = stage.new_run("flipped")
    faults = {**BF16, "flip": {"handshake": str(stage.tmp / "flip")}}
    stage.predict(run, precision="cascade", driver=BF16, executors=faults)
    _assert_f32(run, undisturbed)

    (run.predictions / shard_name(3)).unlink()
    stage.predict(run, precision="cascade", driver=BF16, executors=BF16)
    _assert_f32(run, undisturbed)


def _assert_f32(run: RunPaths, undisturbed: RunPaths) -> None:
    progress = assert_complete(run)
    assert progress["precision"] == read_json(run.scoring)["precision"] == "f32"
    assert progress["flips"] == read_json(run.flips)["flips"] > 0
    assert hashes(run) == hashes(undisturbed)


def _labels(run: RunPaths) -> list[tuple[str, str, str]]:
    return [(row["img_path"], row["prediction"], row["error"]) for row in rows(run)]

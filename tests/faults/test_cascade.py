"""The cascade on a real cluster: its labels are those of f32, or the run switches to f32."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from image_scoring.images.loading import load_image
from image_scoring.model.model_store import calibration_file
from image_scoring.model.precision.cascade_calibration import Calibration, CalibrationRecord
from image_scoring.model.precision.measurement import present_conditions
from image_scoring.model.precision.quantization import quantize_once
from image_scoring.model.spec import ModelSpec, load_spec
from run_contract.layout import RunPaths, shard_name
from run_contract.record import require_record, write_record
from run_contract.records.predict import FlipRecord, ScoringRecord
from tests.faults.job import Stage, assert_complete, hashes, rows
from tests.helpers import MODEL, SAMPLE

pytestmark = pytest.mark.slow

NATIVE: dict[str, Any] = {"native": {"precisions": ["int8"]}}


@pytest.fixture(scope="module")
def calibrated(stage: Stage) -> None:
    """Write the calibration: on a busy machine its measurement could come out either way."""
    spec, _ = load_spec(MODEL)
    model_xml = next(stage.workspace.converted_models.glob("*-openvino-*")) / "model.xml"
    quantize_once(model_xml, _good_images(spec))
    calibration = Calibration("int8", images=300, band=3.0, share=0.1, low_cost=0.5)
    write_record(calibration_file(model_xml), CalibrationRecord(present_conditions(spec), calibration))


def _good_images(spec: ModelSpec) -> Iterator[NDArray[np.float32]]:
    for path in sorted([*SAMPLE.glob("cats/cat.*"), *SAMPLE.glob("dogs/dog.*")])[::4]:
        yield load_image(os.fsencode(path), spec.input_size, spec.preprocessing)


@pytest.mark.usefixtures("calibrated")
def test_a_cascade_gives_the_labels_of_f32(stage: Stage, undisturbed: RunPaths) -> None:
    run = stage.new_run("cascade")
    stage.predict(run, precision="cascade", driver=NATIVE, executors=NATIVE)
    progress = assert_complete(run)
    assert progress.precision == "cascade"
    assert require_record(ScoringRecord, run.scoring).low == "int8"
    assert progress.flips == 0
    assert progress.rerun < progress.rows_total
    assert _labels(run) == _labels(undisturbed)


@pytest.mark.usefixtures("calibrated")
def test_after_one_flip_the_run_and_later_attempts_use_f32(stage: Stage, undisturbed: RunPaths) -> None:
    run = stage.new_run("flipped")
    faults = {**NATIVE, "flip": {"handshake": str(stage.tmp / "flip")}}
    stage.predict(run, precision="cascade", driver=NATIVE, executors=faults)
    _assert_f32(run, undisturbed)

    (run.predictions / shard_name(3)).unlink()
    stage.predict(run, precision="cascade", driver=NATIVE, executors=NATIVE)
    _assert_f32(run, undisturbed)


def _assert_f32(run: RunPaths, undisturbed: RunPaths) -> None:
    progress = assert_complete(run)
    assert progress.precision == require_record(ScoringRecord, run.scoring).precision == "f32"
    assert progress.flips == require_record(FlipRecord, run.flips).flips > 0
    assert hashes(run) == hashes(undisturbed)


def _labels(run: RunPaths) -> list[tuple[str, str, str]]:
    return [(row["img_path"], row["prediction"], row["error"]) for row in rows(run)]

"""Before there is a history the pace is measured in a separate process, and a failure does not fail the plan."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

import pytest

from batch_predictions.manifest import build_manifest
from batch_predictions.pace_measurement import measure_core_seconds
from run_contract.arguments import JobArguments
from run_contract.layout import Workspace
from run_contract.records.dataset import DatasetRecord
from run_contract.records.plan import PaceMeasurementRecord
from tests.helpers import LABELS, MODEL, SAMPLE

ARGUMENTS = JobArguments("w", "r", "m.h5")
MEASURED = PaceMeasurementRecord(0.25, images=32, engine="openvino", precision="f32")
LAST_LINE = f"print('a line of a framework'); print({json.dumps(MEASURED.to_json())!r})"


def measure_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, seconds: float = 60) -> float | None:
    """Measure with a module of this code instead of the real one."""
    (tmp_path / "stand_in.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    return measure_core_seconds(ARGUMENTS, "stand_in", seconds)


def test_the_last_line_is_the_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert measure_with(tmp_path, monkeypatch, LAST_LINE) == 0.25


def test_the_process_gets_the_arguments_of_this_run_and_finds_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = f"import sys; from run_contract.arguments import JobArguments; assert sys.argv[1:] == {ARGUMENTS.to_argv()}"
    assert measure_with(tmp_path, monkeypatch, f"{check}\n{LAST_LINE}") == 0.25


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import sys; print('a\\nmodel m.h5: no such file', file=sys.stderr); sys.exit(1)", "model m.h5: no such file"),
        ("raise MemoryError('all of it')", "MemoryError: all of it"),
        ("import os; os.abort()", "ended with code -6"),
        ("print('no JSON')", "RecordError: not valid JSON"),
        ("print('{}')", "RecordError: field core_seconds_per_row is missing"),
        ("print('[1]')", "RecordError: expected a JSON object, found [1]"),
        ("pass", "RecordError: not valid JSON"),
        ("import time; time.sleep(600)", "longer than"),
    ],
)
def test_any_failure_is_one_log_line_and_does_not_fail_the_task(
    code: str, cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "batch_predictions.pace_measurement"):
        assert measure_with(tmp_path, monkeypatch, code, 0.5 if "sleep" in code else 60) is None
    _, record = caplog.records
    assert record.levelno == logging.INFO
    assert record.getMessage().startswith("run r: its pace cannot be measured")
    assert cause in record.getMessage()
    assert "\n" not in record.getMessage()


def test_a_missing_python_gives_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSPARK_PYTHON", os.devnull)
    assert measure_core_seconds(ARGUMENTS) is None


@pytest.mark.slow
def test_the_real_model_on_real_images(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    run = Workspace(workspace).run("r")
    build_manifest(run, DatasetRecord(str(SAMPLE), str(SAMPLE), "test"), LABELS)
    cost = measure_core_seconds(JobArguments(str(workspace), "r", str(MODEL)))
    assert cost is not None
    assert cost > 0

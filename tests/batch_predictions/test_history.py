"""Forecast against actual, as a figure that can be followed from run to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from batch_predictions.history import describe_forecast, measure_run, record_run
from batch_predictions.report import write_report
from local_stack.summary import summarize
from run_contract.files import append_json_line, read_json_lines, write_json
from run_contract.layout import RunPaths, Workspace

METRICS: dict[str, Any] = {
    "run_key": "r",
    "rows": 10,
    "predicted": 10,
    "errors": 0,
    "accuracy": None,
    "verdict": "valid",
    "source": "pictures",
    "predictions": {"Cat": 4, "Dog": 6},
    "confusion": [],
    "probability_histogram": [5, 5],
    "errors_by_reason": {},
    "accuracy_by_split": {},
    "skipped": {},
}
PLAN = {
    "p50_seconds": 41.0,
    "run_after": "2026-01-01T00:00:00+00:00",
    "deadline_at": "2026-01-02T00:00:00+00:00",
}


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    """A run that was submitted twice, for 4 and for 40 seconds."""
    run = Workspace(tmp_path).run("r")
    append_json_line(run.submissions, {"started_at": "2026-01-01T00:01:00+00:00", "seconds": 4.0})
    append_json_line(run.submissions, {"started_at": "2026-01-01T00:02:00+00:00", "seconds": 40.0})
    write_json(run.metrics, METRICS)
    return run


def test_the_history_says_how_far_the_forecast_was_off(run: RunPaths, tmp_path: Path) -> None:
    write_json(run.plan, PLAN)
    record_run(Workspace(tmp_path), run, METRICS)
    (line,) = read_json_lines(Workspace(tmp_path).history)
    assert (line["predict_seconds"], line["p50_seconds"]) == (44.0, 41.0)
    assert line["forecast_error"] == pytest.approx(44 / 41 - 1, abs=1e-4)
    assert (line["run_after"], line["deadline_at"]) == (PLAN["run_after"], PLAN["deadline_at"])
    assert line["finished_at"] == "2026-01-01T00:02:40+00:00"


@pytest.mark.parametrize("plan", [None, {"p50_seconds": None}, {"p50_seconds": 0.0}])
def test_without_a_forecast_there_is_no_error(plan: dict[str, Any] | None, run: RunPaths) -> None:
    if plan:
        write_json(run.plan, plan)
    record = measure_run(run)
    assert (record["forecast_error"], record["deadline_at"]) == (None, None)
    assert describe_forecast(record) is None


def test_a_run_that_had_nothing_to_predict_says_nothing_of_the_forecast(tmp_path: Path) -> None:
    run = Workspace(tmp_path).run("r")
    write_json(run.plan, PLAN)
    record = measure_run(run)
    assert (record["predict_seconds"], record["forecast_error"], record["finished_at"]) == (0, None, None)


@pytest.mark.parametrize(
    ("p50", "text", "note"),
    [
        (41.0, "forecast 41 s, took 44 s (+7 %)", "forecast 41 s, +7%"),
        (88.0, "forecast 88 s, took 44 s (-50 %)", "forecast 1 min, -50%"),
    ],
)
def test_people_read_it_in_the_report_and_after_make_run(
    p50: float, text: str, note: str, run: RunPaths, tmp_path: Path
) -> None:
    write_json(run.plan, {**PLAN, "p50_seconds": p50})
    record_run(Workspace(tmp_path), run, METRICS)
    write_report(Workspace(tmp_path), run)
    assert note in run.report.read_text()
    assert f"  plan       {text}" in summarize(Workspace(tmp_path), run).splitlines()


def test_without_a_forecast_people_read_nothing_of_it(run: RunPaths, tmp_path: Path) -> None:
    record_run(Workspace(tmp_path), run, METRICS)
    write_report(Workspace(tmp_path), run)
    assert "forecast " not in run.report.read_text() + summarize(Workspace(tmp_path), run)

"""The history compares forecast and actual duration of each run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from batch_predictions.history import describe_forecast, make_history_record, record_run
from batch_predictions.report import write_report
from local_stack.summary import summarize
from run_contract.layout import RunPaths, Workspace
from run_contract.record import append_record, read_records, write_record
from run_contract.records.history import HistoryRecord
from run_contract.records.plan import PlanRecord
from run_contract.records.predict import SubmissionRecord
from tests.batch_predictions.example_records import DUE, METRICS, PLAN

STARTS = [DUE + timedelta(minutes=1), DUE + timedelta(minutes=2)]


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    """A run with two submissions, of 4 and 40 seconds."""
    run = Workspace(tmp_path).run("r")
    for started_at, seconds in zip(STARTS, (4.0, 40.0), strict=True):
        append_record(run.submissions, SubmissionRecord(started_at, seconds))
    write_record(run.metrics, METRICS)
    return run


def test_the_history_has_the_forecast_error(run: RunPaths, tmp_path: Path) -> None:
    write_record(run.plan, PLAN)
    record_run(Workspace(tmp_path), run, METRICS)
    (line,) = read_records(HistoryRecord, Workspace(tmp_path).history)
    assert (line.predict_seconds, line.p50_seconds) == (44.0, 41.0)
    assert line.forecast_error == pytest.approx(44 / 41 - 1, abs=1e-4)
    assert (line.run_after, line.deadline_at) == (PLAN.run_after, PLAN.deadline_at)
    assert line.finished_at == STARTS[1] + timedelta(seconds=40)


@pytest.mark.parametrize(
    "plan", [None, replace(PLAN, p50_seconds=None, deadline_at=None), replace(PLAN, p50_seconds=0.0, deadline_at=None)]
)
def test_without_a_forecast_there_is_no_error(plan: PlanRecord | None, run: RunPaths) -> None:
    if plan:
        write_record(run.plan, plan)
    record = make_history_record(run, METRICS)
    assert (record.forecast_error, record.deadline_at) == (None, None)
    assert describe_forecast(record) is None


def test_a_run_without_a_submission_has_no_forecast_error(tmp_path: Path) -> None:
    run = Workspace(tmp_path).run("r")
    write_record(run.plan, PLAN)
    record = make_history_record(run, METRICS)
    assert (record.predict_seconds, record.forecast_error, record.finished_at) == (0, None, None)


@pytest.mark.parametrize(
    ("p50", "text", "note"),
    [
        (41.0, "forecast 41 s, took 44 s (+7%)", "forecast 41 s, +7%"),
        (88.0, "forecast 88 s, took 44 s (-50%)", "forecast 88 s, -50%"),
    ],
)
def test_the_forecast_error_is_in_the_report_and_in_the_output_of_make_run(
    p50: float, text: str, note: str, run: RunPaths, tmp_path: Path
) -> None:
    write_record(run.plan, replace(PLAN, p50_seconds=p50))
    record_run(Workspace(tmp_path), run, METRICS)
    write_report(Workspace(tmp_path), run)
    assert note in run.report.read_text()
    assert f"  plan       {text}" in summarize(Workspace(tmp_path), run).splitlines()


def test_without_a_forecast_neither_page_nor_terminal_mentions_one(run: RunPaths, tmp_path: Path) -> None:
    record_run(Workspace(tmp_path), run, METRICS)
    write_report(Workspace(tmp_path), run)
    assert "forecast " not in run.report.read_text() + summarize(Workspace(tmp_path), run)

"""The headline, the tiles and the history headline, in every state of a run."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from run_contract.record import write_record
from run_contract.records.failure import FailureRecord
from runs_page.headline import make_headline
from runs_page.history_model import make_history_headline, make_history_rows, runs_until_full
from runs_page.page_model import make_page_model
from runs_page.run_data import TASKS
from runs_page.tiles import make_tiles
from runtime_guard.alerting.alert_text import what_helps
from runtime_guard.alerting.watched_run import read_status
from runtime_guard.batch_run import ADVICE, BatchRun
from runtime_guard.forecast.records import SchedulerState
from tests.runs_page.example_runs import (
    NOW,
    PREDICTING,
    add_history,
    make_alert,
    make_finished,
    make_plan,
    make_progress,
    make_workspace,
    read,
    workspace_of,
)


@pytest.mark.parametrize(
    ("deadline", "tone", "title"),
    [
        (NOW + timedelta(hours=23), "good", "On time: finishes about 12:2"),
        (NOW + timedelta(minutes=24), "warn", "At risk: finishes about 12:2"),
        (NOW + timedelta(minutes=12), "bad", "Late: finishes about 12:2"),
        (NOW - timedelta(minutes=1), "bad", "Deadline missed: finishes about 12:2"),
    ],
)
def test_during_predict_the_headline_compares_the_forecast_with_the_deadline(
    deadline: datetime, tone: str, title: str, tmp_path: Path
) -> None:
    _, run = make_workspace(tmp_path)
    make_plan(run, deadline)
    make_progress(run)
    headline = make_headline(read(run, "running", PREDICTING))
    assert (headline.tone, headline.title[: len(title)]) == (tone, title)


def test_page_and_alert_give_the_same_advice(tmp_path: Path) -> None:
    _, run = make_workspace(tmp_path)
    make_plan(run, NOW + timedelta(minutes=12))
    make_progress(run)
    run_data = read(run, "running", PREDICTING)
    helps = what_helps(read_status(BatchRun(run), NOW, SchedulerState.RUNNING), ADVICE)
    assert "docker compose up -d --scale spark-worker=" in helps
    assert f"{helps[:1].upper()}{helps[1:]}." in make_headline(run_data).details
    (workers,) = [tile for tile in make_tiles(run_data) if tile.name == "Workers"]
    assert workers.value == "2"
    assert helps.endswith(workers.note.split("; ")[1].split(" needed by ")[0])


def test_the_headline_of_a_run_that_waits_retries_or_has_failed(tmp_path: Path) -> None:
    _, run = make_workspace(tmp_path)
    titles = {
        "Waiting to start": read(run, "queued", {}),
        "Fetching the images": read(run, "running", {"download": "running", "manifest": None}),
        "Waiting for approval": read(run, "running", {**PREDICTING, "plan": "awaiting_input", "predict": None}),
        "Predicting failed; retrying": read(run, "running", {**PREDICTING, "predict": "up_for_retry"}),
    }
    assert {title: make_headline(run_data).title for title, run_data in titles.items()} == {
        title: title for title in titles
    }
    write_record(run.failure, FailureRecord("predict", "Spark master: it does not answer; start it", NOW))
    failed = make_headline(read(run, "failed", {**PREDICTING, "predict": "failed"}))
    assert failed.title == "Failed in predict: not published"
    assert failed.details[0] == "Spark master: it does not answer; start it"
    assert "clear the task predict" in failed.details[1]


def test_after_the_run_the_page_shows_the_result_and_the_margin(tmp_path: Path) -> None:
    run_data = make_finished(tmp_path)
    page_model = make_page_model(run_data)
    assert page_model.headline.title == "Published on time: 1,000,000 images, 700 with an error"
    assert page_model.headline.details == ("Prediction ended at 13:25 UTC, 95 min before the deadline at 15:00 UTC.",)
    assert {tile.name: tile.value for tile in page_model.tiles} == {
        "Images": "1,000,000", "Errors": "700", "Accuracy": "98.00%", "Speed": "200", "Prediction time": "85 min",
        "Before the deadline": "95 min",
    }  # fmt: skip
    assert [task.name for task in page_model.tasks] == list(TASKS)
    assert page_model.ended


def test_the_headline_of_a_late_run_that_is_older_than_the_published_one(tmp_path: Path) -> None:
    run_data = make_finished(tmp_path)
    workspace_of(run_data.paths).published.mkdir()
    (workspace_of(run_data.paths).published / "current").symlink_to("../runs/20991231T000000Z")
    make_plan(run_data.paths, NOW + timedelta(hours=1))
    headline = make_headline(read(run_data.paths, "success", {}))
    assert (headline.word, headline.title) == ("Late", "Done 25 min late: 1,000,000 images, 700 with an error")
    assert headline.details[-1] == "The newer run 20991231T000000Z remains published."


def test_the_newest_alert_comes_first_and_without_the_run_key(tmp_path: Path) -> None:
    _, run = make_workspace(tmp_path)
    for level in ("at_risk", "recovered"):
        make_alert(run, level, f"run {run.run_key}: {level} for a reason")
    alerts = make_page_model(read(run, "running", PREDICTING)).alerts
    assert [(alert.level, alert.text, alert.good) for alert in alerts] == [
        ("recovered", "recovered for a reason", True),
        ("at risk", "at_risk for a reason", False),
    ]


def test_the_history_warns_when_runs_grow_toward_their_interval(tmp_path: Path) -> None:
    workspace, _ = make_workspace(tmp_path)
    for day in range(10):
        add_history(workspace, NOW + timedelta(days=day), 20_000 * 1.1**day)
    run_data = read(workspace.run("r"), "success", {})
    headline = make_history_headline(run_data.history)
    assert (headline.word, headline.title) == ("Growing", "The newest run used 55% of its interval")
    assert "whole interval in about 7 runs" in headline.details[1]
    newest = make_history_rows(run_data.history, {run_data.history[-1].run_key: "manual__1"})[0]
    assert (newest.run_id, newest.cells[3]) == ("manual__1", "55%")


@pytest.mark.parametrize("shares", [[0.5] * 9, [0.5, 0.4, 0.3, 0.2, 0.1], [0.1, 0.9, 0.1, 0.9, 0.2], [0.1, 0.9]])
def test_without_clear_growth_there_is_no_trend(shares: list[float]) -> None:
    assert runs_until_full(shares) is None


def test_the_headline_of_an_empty_history() -> None:
    assert make_history_headline([]).title == "No run has finished yet"

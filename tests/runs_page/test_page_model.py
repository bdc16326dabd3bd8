"""What the page says first, and beside it, in every state of a run."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from run_contract.files import append_json_line, write_json
from runs_page.headline import make_headline
from runs_page.history_model import make_history_headline, make_history_rows, runs_until_full
from runs_page.page_model import make_page_model
from runs_page.run_data import TASKS
from runs_page.tiles import make_tiles
from runtime_guard.alerting.alert_text import what_helps
from tests.runs_page.example_runs import (
    AT_WORK,
    NOW,
    make_finished,
    make_line,
    make_place,
    make_plan,
    make_progress,
    view,
)


@pytest.mark.parametrize(
    ("deadline", "tone", "title"),
    [
        (NOW + timedelta(hours=23), "good", "On time: finishes 12:2"),
        (NOW + timedelta(minutes=24), "warn", "May be late: finishes 12:2"),
        (NOW + timedelta(minutes=12), "bad", "Will be late: finishes 12:2"),
        (NOW - timedelta(minutes=1), "bad", "Over its time: finishes about 12:2"),
    ],
)
def test_while_it_predicts_the_headline_is_against_the_deadline(
    deadline: datetime, tone: str, title: str, tmp_path: Path
) -> None:
    workspace, run = make_place(tmp_path)
    make_plan(run, deadline)
    make_progress(run)
    headline = make_headline(view(workspace, run, "running", AT_WORK))
    assert (headline.tone, headline.title[: len(title)]) == (tone, title)


def test_page_and_alert_name_the_same_remedy(tmp_path: Path) -> None:
    workspace, run = make_place(tmp_path)
    make_plan(run, NOW + timedelta(minutes=12))
    make_progress(run)
    run_data = view(workspace, run, "running", AT_WORK)
    assert run_data.run_status is not None
    helps = what_helps(run_data.run_status)
    assert "docker compose up -d --scale spark-worker=" in helps
    assert f"{helps}." in make_headline(run_data).details
    (workers,) = [tile for tile in make_tiles(run_data) if tile.name == "Workers"]
    assert workers.value == "2"
    assert helps.endswith(workers.note.split("; ")[1].split(" needed by ")[0])


def test_a_run_that_waits_is_failed_tried_again_or_needs_a_person(tmp_path: Path) -> None:
    workspace, run = make_place(tmp_path)
    titles = {
        "Waits for its turn": view(workspace, run, "queued", {}),
        "Fetching the images": view(workspace, run, "running", {"download": "running", "manifest": None}),
        "Waits for a person": view(workspace, run, "running", {**AT_WORK, "plan": "awaiting_input", "predict": None}),
        "Predicting: trying again": view(workspace, run, "running", {**AT_WORK, "predict": "up_for_retry"}),
    }
    assert {title: make_headline(run_data).title for title, run_data in titles.items()} == {
        title: title for title in titles
    }
    write_json(run.failure, {"task": "predict", "message": "Spark master: it does not answer; start it"})
    failed = make_headline(view(workspace, run, "failed", {**AT_WORK, "predict": "failed"}))
    assert failed.title == "Failed in predict: not published"
    assert failed.details[0] == "Spark master: it does not answer; start it"
    assert "clear the task predict" in failed.details[1]


def test_after_the_run_it_says_what_came_out_and_how_early(tmp_path: Path) -> None:
    run_data = make_finished(tmp_path)
    page_model = make_page_model(run_data)
    assert page_model.headline.title == "Published on time: 1,000,000 images, 700 of them with an error"
    assert page_model.headline.details[0].startswith("01:35 before its deadline.")
    assert {tile.name: tile.value for tile in page_model.tiles} == {
        "Images": "1,000,000", "Errors": "700", "Accuracy": "98.00%", "Speed": "200", "Predict took": "01:25",
        "Before the deadline": "01:35",
    }  # fmt: skip
    assert [task.name for task in page_model.tasks] == list(TASKS)
    assert page_model.ended


def test_a_late_run_and_an_older_one_say_so(tmp_path: Path) -> None:
    run_data = make_finished(tmp_path)
    run_data.workspace.published.mkdir()
    (run_data.workspace.published / "current").symlink_to("../runs/20991231T000000Z")
    make_plan(run_data.paths, NOW + timedelta(hours=1))
    headline = make_headline(view(run_data.workspace, run_data.paths, "success", {}))
    assert (headline.word, headline.title) == ("Late", "Done 25 min late: 1,000,000 images, 700 of them with an error")
    assert headline.details[-1] == "The newer run 20991231T000000Z stays the published one."


def test_alerts_are_told_the_newest_first_without_the_name_of_the_run(tmp_path: Path) -> None:
    workspace, run = make_place(tmp_path)
    for level in ("at_risk", "recovered"):
        text = f"run {run.run_key}: {level} for a reason"
        append_json_line(run.alerts, {"level": level, "raised_at": NOW.isoformat(), "text": text})
    alerts = make_page_model(view(workspace, run, "running", AT_WORK)).alerts
    assert [(alert.level, alert.text, alert.good) for alert in alerts] == [
        ("recovered", "recovered for a reason", True),
        ("at risk", "at_risk for a reason", False),
    ]


def test_the_history_warns_of_runs_that_grow_toward_their_interval(tmp_path: Path) -> None:
    workspace, _ = make_place(tmp_path)
    for day in range(10):
        make_line(workspace, NOW + timedelta(days=day), 20_000 * 1.1**day)
    run_data = view(workspace, workspace.run("r"), "success", {})
    headline = make_history_headline(run_data.history)
    assert (headline.word, headline.title) == ("Growing", "The newest run used 55% of its interval")
    assert "full in about 7 runs" in headline.details[0]
    newest = make_history_rows(run_data.history, {run_data.history[-1]["run_key"]: "manual__1"})[0]
    assert (newest.run_id, newest.cells[3]) == ("manual__1", "55%")


@pytest.mark.parametrize("shares", [[0.5] * 9, [0.5, 0.4, 0.3, 0.2, 0.1], [0.1, 0.9, 0.1, 0.9, 0.2], [0.1, 0.9]])
def test_what_does_not_grow_clearly_is_no_trend(shares: list[float]) -> None:
    assert runs_until_full(shares) is None


def test_without_a_run_the_history_says_so() -> None:
    assert make_history_headline([]).title == "No run has ended yet"

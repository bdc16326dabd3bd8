"""The watch from the triggerer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from airflow.triggers.base import TriggerEvent

from run_contract.files import read_json, write_json
from run_contract.layout import RunPaths, Workspace
from runtime_guard.airflow import trigger as module
from runtime_guard.airflow.task_states import has_ended
from runtime_guard.airflow.trigger import ALERT, ENDED, RuntimeTrigger
from tests.runtime_guard.runs import plan


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    run = Workspace(tmp_path).run("r")
    run.root.mkdir(parents=True)
    return run


def make_trigger(run: RunPaths, poll_seconds: float = 0.001) -> RuntimeTrigger:
    return RuntimeTrigger(str(run.root), "dag", "run", "predict", poll_seconds)


def first_event(trigger: RuntimeTrigger) -> TriggerEvent:
    async def first() -> TriggerEvent:
        return await anext(aiter(trigger.run()))

    return asyncio.run(asyncio.wait_for(first(), 30))


def tell(monkeypatch: pytest.MonkeyPatch, *states: str | None) -> list[tuple[str, str, str]]:
    """Makes Airflow answer with `states`, the last of them for ever; returns what it was asked."""
    asked: list[tuple[str, str, str]] = []

    def task_state(dag_id: str, run_id: str, task_id: str) -> str | None:
        asked.append((dag_id, run_id, task_id))
        return states[min(len(asked), len(states)) - 1]

    monkeypatch.setattr(module, "task_state", task_state)
    return asked


def make_late(run: RunPaths) -> None:
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    plan(run, alert_at=past, deadline_at=past)


def test_a_trigger_comes_back_from_what_is_stored_of_it(run: RunPaths) -> None:
    path, arguments = make_trigger(run, 7.5).serialize()
    module_name, _, name = path.rpartition(".")
    again = getattr(import_module(module_name), name)(**arguments)
    assert isinstance(again, RuntimeTrigger)
    assert again.serialize() == (path, arguments)
    assert (again.run_directory, again.watched_task_id, again.poll_seconds) == (str(run.root), "predict", 7.5)


@pytest.mark.parametrize("seconds", [0, -1.0])
def test_a_watch_without_a_pause_is_refused(seconds: float, run: RunPaths) -> None:
    with pytest.raises(ValueError, match="poll_seconds must be above zero"):
        make_trigger(run, seconds)


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "upstream_failed", "removed"])
def test_it_ends_with_the_task_however_that_ends(state: str, run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = tell(monkeypatch, None, "running", "up_for_retry", state)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ENDED})
    assert asked == [("dag", "run", "predict")] * 4


def test_it_tells_of_a_run_that_is_late(run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, "running")
    make_late(run)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ALERT})


def test_it_does_not_tell_of_a_task_that_has_ended(run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, "success")
    make_late(run)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ENDED})


def test_it_keeps_what_it_knows_where_the_next_one_finds_it(run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, "running", "success")
    at_risk = datetime.now(UTC) + timedelta(hours=1)
    plan(run, deadline_at=at_risk.isoformat(), alert_at=at_risk.isoformat())  # the plan's pace needs three hours
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ENDED})
    assert read_json(run.watch_state)["late_polls"] == 1
    tell(monkeypatch, "running")
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ALERT})
    assert read_json(run.watch_state)["late_polls"] == 2


def tell_by_driver(run: RunPaths, state: str, seconds_ago: float = 0.0) -> None:
    spoke = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    write_json(run.progress, {"state": state, "updated_at": spoke.isoformat()})


def test_while_the_driver_speaks_airflow_is_not_asked(run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = tell(monkeypatch, "running")
    tell_by_driver(run, "starting")
    make_late(run)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ALERT})
    tell_by_driver(run, "finished")
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ENDED})
    assert asked == []


def test_of_a_driver_that_is_silent_airflow_is_asked(run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = tell(monkeypatch, "up_for_retry", "failed")
    tell_by_driver(run, "predicting", seconds_ago=60)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ENDED})
    assert len(asked) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", '{"updated_at": 1}', '{"updated_at": "2026-11-01T00:00:00"}'])
def test_a_progress_that_cannot_be_read_keeps_no_watch_from_its_end(
    content: str, run: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(monkeypatch, "success")
    run.progress.write_text(content)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ENDED})


@pytest.mark.parametrize("error", [TimeoutError(), RuntimeError("the API server restarts"), OSError("stale handle")])
def test_it_asks_again_when_no_answer_comes(error: Exception, run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = iter([error, error])

    def task_state(dag_id: str, run_id: str, task_id: str) -> str:
        for error in errors:
            raise error
        return "success"

    monkeypatch.setattr(module, "task_state", task_state)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ENDED})


@pytest.mark.parametrize("state", [None, "running", "queued", "scheduled", "up_for_retry", "deferred", "restarting"])
def test_a_task_that_may_go_on_has_not_ended(state: str | None) -> None:
    assert not has_ended(state)

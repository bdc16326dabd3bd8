"""The sensor while it is deferred to the triggerer."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from airflow.triggers.base import TriggerEvent

from run_contract.layout import RunPaths, Workspace
from run_contract.record import read_record
from run_contract.records.alert import WatchStateRecord
from run_contract.records.predict import DriverState
from runtime_guard.airflow import task_states
from runtime_guard.airflow.trigger import ALERT, ENDED, RuntimeTrigger
from tests.runtime_guard.runs import START, make_progress, plan, report

HUGE = json.dumps({**make_progress(START).to_json(), "samples": [[0.0, 10**400, 1]]})


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


def answer(monkeypatch: pytest.MonkeyPatch, *states: str | None) -> list[tuple[str, str, str]]:
    """Make Airflow answer with `states`, the last of them forever; return what it was asked."""
    asked: list[tuple[str, str, str]] = []

    def find_task_state(dag_id: str, run_id: str, task_id: str) -> str | None:
        asked.append((dag_id, run_id, task_id))
        return states[min(len(asked), len(states)) - 1]

    monkeypatch.setattr(task_states, "find_task_state", find_task_state)
    return asked


def make_late(run: RunPaths) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    plan(run, alert_at=past, deadline_at=past)


def test_a_trigger_is_restored_from_its_serialized_form(run: RunPaths) -> None:
    path, arguments = make_trigger(run, 7.5).serialize()
    module_name, _, name = path.rpartition(".")
    again = getattr(import_module(module_name), name)(**arguments)
    assert isinstance(again, RuntimeTrigger)
    assert again.serialize() == (path, arguments)
    assert (again.run_directory, again.watched_task_id, again.poll_seconds) == (str(run.root), "predict", 7.5)


@pytest.mark.parametrize("seconds", [0, -1.0])
def test_a_poll_interval_of_zero_is_refused(seconds: float, run: RunPaths) -> None:
    with pytest.raises(ValueError, match="poll_seconds must be above zero"):
        make_trigger(run, seconds)


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "upstream_failed", "removed"])
def test_it_ends_with_the_task_however_that_ends(state: str, run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer(monkeypatch, None, "running", "up_for_retry", state)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ENDED})
    assert asked == [("dag", "run", "predict")] * 4


def test_it_fires_for_a_late_run(run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "running")
    make_late(run)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ALERT})


def test_it_raises_nothing_for_a_task_that_has_ended(run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "success")
    make_late(run)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ENDED})


def test_its_state_is_where_the_next_one_finds_it(run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "running", "success")
    at_risk = datetime.now(UTC) + timedelta(hours=1)
    plan(run, deadline_at=at_risk, alert_at=at_risk)  # the plan's pace needs three hours
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ENDED})
    assert late_polls(run) == 1
    answer(monkeypatch, "running")
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ALERT})
    assert late_polls(run) == 2


def late_polls(run: RunPaths) -> int:
    record = read_record(WatchStateRecord, run.watch_state)
    assert record is not None
    return record.late_polls


def report_by_driver(run: RunPaths, state: DriverState, seconds_ago: float = 0.0) -> None:
    report(run, datetime.now(UTC) - timedelta(seconds=seconds_ago), state=state)


def test_while_the_driver_reports_airflow_is_not_asked(run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer(monkeypatch, "running")
    report_by_driver(run, DriverState.STARTING)
    make_late(run)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ALERT})
    report_by_driver(run, DriverState.FINISHED)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ENDED})
    assert asked == []


def test_airflow_is_asked_when_the_driver_is_silent(run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer(monkeypatch, "up_for_retry", "failed")
    report_by_driver(run, DriverState.PREDICTING, seconds_ago=60)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ENDED})
    assert len(asked) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", '{"updated_at": 1}', '{"updated_at": "2026-11-01T00:00:00"}', HUGE])
def test_a_damaged_progress_file_does_not_keep_the_sensor_from_its_end(
    content: str, run: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, "success")
    run.progress.write_text(content)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ENDED})


@pytest.mark.parametrize("error", [TimeoutError(), RuntimeError("the API server restarts"), OSError("stale handle")])
def test_it_asks_again_when_no_answer_comes(error: Exception, run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = iter([error, error])

    def find_task_state(dag_id: str, run_id: str, task_id: str) -> str:
        for error in errors:
            raise error
        return "success"

    monkeypatch.setattr(task_states, "find_task_state", find_task_state)
    assert first_event(make_trigger(run)) == TriggerEvent({"status": ENDED})

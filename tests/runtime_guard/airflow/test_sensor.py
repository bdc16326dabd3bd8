"""The sensor in the worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from run_contract.layout import RunPaths, Workspace
from run_contract.record import read_records
from run_contract.records.alert import AlertRecord
from runtime_guard.airflow import sensor as module
from runtime_guard.airflow import task_states
from runtime_guard.airflow.sensor import RuntimeSensor
from runtime_guard.airflow.trigger import ALERT, ENDED, RuntimeTrigger
from runtime_guard.alerting.watched_run import Alert
from tests.runtime_guard.runs import plan

CONTEXT: dict[str, Any] = {"ti": SimpleNamespace(dag_id="dag", run_id="run")}


class World:
    """The state that Airflow has, and the alerts that were sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state: str | None = "running"
        self.delivered: list[Alert] = []
        monkeypatch.setattr(task_states, "find_task_state", lambda *_: self.state)
        monkeypatch.setattr(module, "send_alerts", self.delivered.extend)
        monkeypatch.setattr(module, "runs_in_process", lambda: False)
        monkeypatch.delenv("AIRFLOW_TEST_MODE", raising=False)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    """A run whose deadline has passed."""
    run = Workspace(tmp_path).run("r")
    past = datetime.now(UTC) - timedelta(minutes=1)
    plan(run, alert_at=past, deadline_at=past)
    return run


@pytest.fixture
def sensor(run: RunPaths) -> RuntimeSensor:
    return RuntimeSensor(
        task_id="watch", watched_task_id="predict", directory_of=lambda _: str(run.root), poll_seconds=7.0
    )


def resume(sensor: RuntimeSensor, status: str | None = None) -> RuntimeTrigger | None:
    """Return the trigger that the sensor defers to; None if it is done."""
    deferred: TaskDeferred | None = None
    try:
        sensor.execute(CONTEXT, {"status": status} if status else None)
    except TaskDeferred as signal:
        deferred = signal
    if deferred is None:
        return None
    assert deferred.method_name == "execute"
    assert isinstance(deferred.trigger, RuntimeTrigger)
    return deferred.trigger


def test_it_waits_in_the_triggerer(sensor: RuntimeSensor, run: RunPaths, world: World) -> None:
    trigger = resume(sensor)
    assert trigger is not None
    assert (trigger.run_directory, trigger.dag_id, trigger.run_id) == (str(run.root), "dag", "run")
    assert (trigger.watched_task_id, trigger.poll_seconds) == ("predict", 7.0)


def test_it_raises_sends_and_continues(
    sensor: RuntimeSensor, run: RunPaths, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [resume(sensor, ALERT) is not None for _ in range(2)] == [True, True]
    assert [alert.level for alert in world.delivered] == ["breached"]
    assert [record.level for record in read_records(AlertRecord, run.alerts)] == ["breached"]
    assert capsys.readouterr().out.count(f"breached: {world.delivered[0].text}") == 1


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "upstream_failed", "removed"])
def test_it_raises_nothing_when_predict_ended_before_it_came_back(
    state: str, sensor: RuntimeSensor, run: RunPaths, world: World
) -> None:
    world.state = state
    assert resume(sensor, ALERT) is None
    assert (world.delivered, run.alerts.exists()) == ([], False)


def test_it_ends_when_the_trigger_saw_the_end(sensor: RuntimeSensor, run: RunPaths, world: World) -> None:
    assert resume(sensor, ENDED) is None
    assert not run.alerts.exists()


def test_an_unreachable_workspace_does_not_end_the_sensor(
    sensor: RuntimeSensor, run: RunPaths, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    run.alerts.mkdir()  # reading it as a file is an OSError
    assert resume(sensor) is not None
    assert "poll failed (IsADirectoryError" in capsys.readouterr().out
    assert world.delivered == []


def test_an_unreachable_scheduler_does_not_end_the_sensor(
    sensor: RuntimeSensor, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find_task_state(*_: str) -> str:
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(task_states, "find_task_state", find_task_state)
    assert resume(sensor) is not None
    assert "poll failed (ConnectionError: nobody answers)" in capsys.readouterr().out


def test_in_the_test_of_a_task_it_polls_once(
    sensor: RuntimeSensor, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_TEST_MODE", "True")
    assert resume(sensor) is None
    assert [alert.level for alert in world.delivered] == ["breached"]


def test_in_the_test_of_a_dag_it_pokes(sensor: RuntimeSensor, world: World) -> None:
    assert sensor.poke(CONTEXT) is False
    world.state = "success"
    assert sensor.poke(CONTEXT) is True
    assert [alert.level for alert in world.delivered] == ["breached"]

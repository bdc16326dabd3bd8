"""The Deadline Alert behind the sensor: as Airflow stores it, evaluates it and calls it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.encoders import encode_deadline_reference

from run_contract.layout import RunPaths, Workspace, run_key
from run_contract.record import read_records
from run_contract.records.alert import AlertRecord
from runtime_guard.airflow import deadline_alert as module
from runtime_guard.airflow.deadline_alert import GRACE, RunDeadline, deadline_of, make_deadline_alert, report_breach
from runtime_guard.alerting.alerts import raise_alert
from runtime_guard.alerting.levels import Level
from runtime_guard.alerting.watched_run import Alert
from runtime_guard.batch_run import BatchRun
from tests.helpers import REPOSITORY
from tests.runtime_guard.runs import plan

DUE = datetime(2026, 2, 28, tzinfo=UTC)
CREATED = DUE + timedelta(hours=15)
NEXT = datetime(2026, 3, 1, tzinfo=UTC)


def dag_with(schedule: Any) -> DAG:
    return DAG("d", schedule=schedule, start_date=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("schedule", "run_type", "run_after", "conf", "deadline"),
    [
        ("@daily", "scheduled", DUE, None, NEXT),
        ("@daily", "scheduled", DUE - timedelta(days=2), None, NEXT),  # created after its deadline
        ("@daily", "scheduled", DUE, {"interval": "90m"}, CREATED + timedelta(minutes=90)),
        ("@daily", "manual", CREATED, {"interval": None}, CREATED + timedelta(days=1)),
        ("@daily", "manual", CREATED, {"interval": "90m"}, CREATED + timedelta(minutes=90)),
        (None, "manual", CREATED, {"interval": "2h"}, CREATED + timedelta(hours=2)),
        (None, "manual", CREATED, None, None),
        ("@daily", "backfill", DUE, None, None),
    ],
)
def test_the_deadline_is_that_of_the_plan(
    schedule: Any, run_type: str, run_after: datetime, conf: dict[str, Any] | None, deadline: datetime | None
) -> None:
    dag_run = SimpleNamespace(run_type=run_type, run_after=run_after, conf=conf)
    assert deadline_of(dag_with(schedule), dag_run, CREATED) == deadline


def test_airflow_finds_what_it_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it were not in the plugin, no DAG run could be created."""
    monkeypatch.setenv("AIRFLOW__CORE__PLUGINS_FOLDER", str(REPOSITORY / "plugins"))
    plugin = import_module("batch_predictions_plugin").BatchPredictionsPlugin
    assert plugin.deadline_references == [RunDeadline]
    alert = make_deadline_alert(tmp_path)
    assert alert is not None
    assert (
        encode_deadline_reference(alert.reference)["__class_path"] == "runtime_guard.airflow.deadline_alert.RunDeadline"
    )
    name, _, function = alert.callback.path.rpartition(".")
    assert getattr(import_module(name), function) is report_breach
    assert (alert.interval, alert.callback.kwargs) == (GRACE, {"workspace": str(tmp_path)})


def test_under_dags_test_which_would_crash_on_it_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__PLUGINS_FOLDER", str(REPOSITORY / "plugins"))
    monkeypatch.setattr(sys, "argv", ["airflow", "dags", "test", "batch_predictions"])
    assert make_deadline_alert(tmp_path) is None


def test_where_airflow_would_not_find_it_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__PLUGINS_FOLDER", str(tmp_path))
    assert make_deadline_alert(tmp_path) is None


class BrokenSession:
    """A session of a database that does not answer."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionError("gone")


def test_a_run_is_created_even_without_its_deadline(caplog: pytest.LogCaptureFixture) -> None:
    assert RunDeadline()._evaluate_with(session=BrokenSession(), dag_id="d", run_id="r") is None
    assert "run r: it has no deadline alert" in caplog.text


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    run = Workspace(tmp_path).run(run_key(DUE))
    run.root.mkdir(parents=True)
    return run


@pytest.fixture(autouse=True)
def delivered(monkeypatch: pytest.MonkeyPatch) -> list[Alert]:
    """Return the alerts that were sent."""
    alerts: list[Alert] = []
    monkeypatch.setattr(module, "send_alerts", alerts.extend)
    return alerts


def call(run: RunPaths, state: str) -> list[AlertRecord]:
    """Return the alerts after the callback; state: of the DAG run when its deadline passed."""
    dag_run = {
        "dag_id": "d",
        "dag_run_id": "scheduled__1",
        "logical_date": "2026-02-28T00:00:00Z",
        "run_after": "2026-02-28T07:00:00Z",
        "state": state,
    }
    report_breach(workspace=str(run.root.parents[1]), context={"dag_run": dag_run})
    return read_records(AlertRecord, run.alerts)


@pytest.mark.parametrize("state", ["running", "queued"])
def test_a_run_that_has_not_ended_has_breached_its_deadline(state: str, run: RunPaths, delivered: list[Alert]) -> None:
    (alert,) = call(run, state)
    assert alert.level == "breached"
    assert f"run {run.run_key}: its deadline has passed" in alert.text
    assert f"DAG run scheduled__1 is {state}" in alert.text
    assert [(sent.level, sent.text) for sent in delivered] == [(alert.level, alert.text)]


@pytest.mark.parametrize("state", ["success", "failed"])
def test_nothing_is_raised_for_a_run_that_has_ended(state: str, run: RunPaths) -> None:
    assert call(run, state) == []


def test_what_the_sensor_has_raised_is_not_raised_again(run: RunPaths, delivered: list[Alert]) -> None:
    raise_alert(BatchRun(run), Alert(Level.BREACHED, "by the sensor"))
    assert [alert.text for alert in call(run, "running")] == ["by the sensor"]
    assert delivered == []


def test_a_run_that_has_more_time_by_its_plan_is_left_alone(run: RunPaths) -> None:
    plan(run, deadline_at=datetime.now(UTC) + timedelta(hours=1))
    assert call(run, "running") == []
    plan(run, deadline_at=datetime.now(UTC) - timedelta(hours=1))
    assert len(call(run, "running")) == 1

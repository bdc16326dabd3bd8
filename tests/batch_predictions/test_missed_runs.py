"""Scheduled runs that were skipped raise one alert, and no others do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.api.datamodels._generated import DagRun
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import GetPreviousDagRun, PreviousDagRunResult

from batch_predictions import missed_runs, settings
from batch_predictions.missed_runs import report_missed_runs
from run_contract.layout import Workspace, run_key
from run_contract.record import read_records
from run_contract.records.alert import AlertRecord
from runtime_guard.alerting.watched_run import Alert

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def make_dag_run(due: datetime, days: float | None = 0.1, run_type: str = "scheduled") -> DagRun:
    """Return a run that took `days`; None for one that is still running."""
    return DagRun(
        dag_id="d",
        run_id=f"{run_type}__{due:%Y-%m-%d}",
        logical_date=due,
        data_interval_start=due,
        data_interval_end=due,
        run_after=due,
        start_date=due,
        end_date=None if days is None else due + days * DAY,
        run_type=run_type,
        state="success",
        consumed_asset_events=[],
        partition_key=None,
    )


class Airflow:
    """Answers requests for the previous run."""

    def __init__(self, runs: list[DagRun]) -> None:
        self.runs = runs

    def send(self, question: GetPreviousDagRun) -> PreviousDagRunResult:
        earlier = [run for run in self.runs if run.logical_date < question.logical_date]
        return PreviousDagRunResult(dag_run=max(earlier, key=lambda run: run.logical_date) if earlier else None)


@pytest.fixture(autouse=True)
def delivered(monkeypatch: pytest.MonkeyPatch) -> list[Alert]:
    """The alerts that were sent through the channels."""
    alerts: list[Alert] = []
    monkeypatch.setattr(missed_runs, "send_alerts", alerts.extend)
    return alerts


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that reports the runs missed before the last of its arguments and returns the alerts of that run."""
    monkeypatch.setattr(settings, "WORKSPACE", tmp_path)

    def report(*runs: DagRun, schedule: str | None = "@daily") -> list[AlertRecord]:
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Airflow(list(runs[:-1])), raising=False)
        context = {"dag": DAG("d", schedule=schedule, start_date=FIRST), "dag_run": runs[-1]}
        report_missed_runs(context)
        return read_records(AlertRecord, Workspace(tmp_path).run(run_key(runs[-1].logical_date)).alerts)

    return report


def test_the_runs_that_a_long_run_caused_to_be_skipped_are_one_alert(report: Any) -> None:
    (alert,) = report(make_dag_run(FIRST, 3.5), make_dag_run(FIRST + 4 * DAY))
    assert alert.level == "missed"
    assert (
        "the schedule skipped 3 runs before it (2026-01-02 00:00 UTC, 2026-01-03 00:00 UTC, 2026-01-04 00:00 UTC)"
        in alert.text
    )
    assert "because scheduled__2026-01-01 ran until 2026-01-04 12:00 UTC" in alert.text
    assert "backfill create --dag-id d --from-date 2026-01-02T00:00 --to-date 2026-01-04T00:00" in alert.text


def test_a_task_that_runs_again_does_not_alert_again(report: Any, delivered: list[Alert]) -> None:
    runs = make_dag_run(FIRST, 2.5), make_dag_run(FIRST + 3 * DAY)
    assert report(*runs) == report(*runs)
    assert [alert.level for alert in delivered] == ["missed"]


def test_no_run_is_missed(report: Any) -> None:
    assert report(make_dag_run(FIRST, 1.5), make_dag_run(FIRST + DAY)) == []


def test_runs_that_were_due_while_nothing_ran_are_not_reported(report: Any) -> None:
    """The DAG was paused, or Airflow was down."""
    assert report(make_dag_run(FIRST), make_dag_run(FIRST + 4 * DAY)) == []
    (alert,) = report(make_dag_run(FIRST, 1.5), make_dag_run(FIRST + 4 * DAY))
    assert "the schedule skipped 1 run before it (2026-01-02 00:00 UTC)" in alert.text


def test_a_manual_run_can_cause_skipped_runs_too(report: Any) -> None:
    by_hand = make_dag_run(FIRST + 0.5 * DAY, 2, "manual")
    (alert,) = report(make_dag_run(FIRST), by_hand, make_dag_run(FIRST + 3 * DAY))
    assert "the schedule skipped 2 runs" in alert.text
    assert "manual__2026-01-01 ran until 2026-01-03 12:00 UTC" in alert.text


def test_an_earlier_run_that_is_still_running(report: Any) -> None:
    (alert,) = report(make_dag_run(FIRST, None), make_dag_run(FIRST + 2 * DAY))
    assert "scheduled__2026-01-01 is still running" in alert.text


def test_the_first_run_has_missed_nothing(report: Any) -> None:
    assert report(make_dag_run(FIRST)) == []
    assert report(make_dag_run(FIRST, 9, "manual"), make_dag_run(FIRST + 4 * DAY)) == []


@pytest.mark.parametrize("run_type", ["manual", "backfill", "asset_triggered"])
def test_only_scheduled_runs_report_missed_ones(run_type: str, report: Any) -> None:
    assert report(make_dag_run(FIRST, 3), make_dag_run(FIRST + 4 * DAY, run_type=run_type)) == []

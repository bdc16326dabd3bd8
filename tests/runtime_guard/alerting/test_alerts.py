"""Each level is raised once a run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from run_contract.layout import Workspace
from run_contract.record import append_record, read_record, read_records
from run_contract.records.alert import AlertRecord, WatchStateRecord
from run_contract.records.predict import DriverState
from runtime_guard.alerting.alerts import find_alerts, raise_alert, raise_alerts
from runtime_guard.alerting.levels import Level
from runtime_guard.alerting.watched_run import Alert
from runtime_guard.batch_run import BatchRun
from runtime_guard.forecast.records import SchedulerState
from tests.runtime_guard.runs import DEADLINE, START, plan, report

NOW = START + timedelta(hours=5)
RUNNING, WAITING, ENDED = SchedulerState.RUNNING, SchedulerState.WAITING, SchedulerState.ENDED


@pytest.fixture
def run(tmp_path: Path) -> BatchRun:
    paths = Workspace(tmp_path).run("20260101T000000Z")
    plan(paths)
    return BatchRun(paths)


def make_late(run: BatchRun) -> None:
    """Report three tenths of the rows after half of the interval."""
    report(run.paths, NOW, rows_done=3000)


def recorded(run: BatchRun) -> list[AlertRecord]:
    return read_records(AlertRecord, run.paths.alerts)


def saved(run: BatchRun) -> WatchStateRecord:
    record = read_record(WatchStateRecord, run.paths.watch_state)
    assert record is not None
    return record


def levels(run: BatchRun) -> list[str]:
    return [record.level for record in recorded(run)]


def test_a_run_that_ends_in_time_gives_no_cause(run: BatchRun) -> None:
    for minutes in range(0, 160, 5):
        now = START + timedelta(minutes=minutes)
        report(run.paths, now, rows_done=minutes * 60 // 500 * 500)
        assert raise_alerts(run, now, RUNNING) == []
    assert not run.paths.alerts.exists()


def test_each_alert_is_raised_once(run: BatchRun) -> None:
    make_late(run)
    assert raise_alerts(run, NOW, RUNNING) == []
    (alert,) = raise_alerts(run, NOW, RUNNING)
    assert alert.level == Level.AT_RISK
    assert alert.text.startswith("run 20260101T000000Z: 30% done (3,000 of 10,000 rows); expected to finish ")
    assert [alert.level for alert in raise_alerts(run, NOW, RUNNING)] == [Level.LATE]
    assert [raise_alerts(run, NOW, RUNNING) for _ in range(5)] == [[]] * 5
    record, _ = recorded(run)
    assert (record.level, record.text) == ("at_risk", alert.text)
    assert record.raised_at.tzinfo is not None
    assert levels(run) == ["at_risk", "late"]


def test_to_find_an_alert_is_not_to_raise_it(run: BatchRun) -> None:
    make_late(run)
    found = [find_alerts(run, NOW, RUNNING) for _ in range(3)]
    assert found == [[], [Level.AT_RISK], [Level.AT_RISK]]
    assert not run.paths.alerts.exists()
    assert [alert.level for alert in raise_alerts(run, NOW, RUNNING)] == [Level.AT_RISK]
    assert find_alerts(run, NOW, RUNNING) == [Level.LATE]


def test_nothing_is_raised_when_predict_has_ended_since(run: BatchRun) -> None:
    make_late(run)
    assert [find_alerts(run, NOW, RUNNING) for _ in range(2)] == [[], [Level.AT_RISK]]
    assert raise_alerts(run, NOW, ENDED) == []
    report(run.paths, NOW, rows_done=10_000, state=DriverState.FINISHED)
    assert raise_alerts(run, DEADLINE + timedelta(hours=1), RUNNING) == []
    assert not run.paths.alerts.exists()


def test_a_new_sensor_continues_where_the_last_one_stopped(run: BatchRun) -> None:
    make_late(run)
    find_alerts(run, NOW, RUNNING)
    assert saved(run).late_polls == 1
    run.paths.watch_state.unlink()
    assert find_alerts(run, NOW, RUNNING) == []
    assert [alert.level for alert in raise_alerts(run, NOW, RUNNING)] == [Level.AT_RISK]
    run.paths.watch_state.unlink()
    assert [len(raise_alerts(run, NOW, RUNNING)) for _ in range(4)] == [0, 1, 0, 0]
    assert levels(run) == ["at_risk", "late"]


def test_two_sensors_at_a_time_raise_it_once(run: BatchRun) -> None:
    make_late(run)
    find_alerts(run, NOW, RUNNING)
    with ThreadPoolExecutor(1) as pool:
        with run.lock():
            second = pool.submit(raise_alerts, run, NOW, RUNNING)
            with pytest.raises(TimeoutError):  # it waits for the first, which is about to raise the same
                second.result(0.2)
            append_record(run.paths.alerts, AlertRecord("at_risk", NOW, "of the first"))
        assert [alert.level for alert in second.result(30)] == [Level.LATE]
    assert levels(run) == ["at_risk", "late"]


def test_a_run_that_stands_still_is_raised_and_recovers(run: BatchRun) -> None:
    started = START + timedelta(minutes=30)
    report(run.paths, started, rows_done=2000)
    assert raise_alerts(run, started, RUNNING) == []
    for minutes in (33, 36, 39, 42):
        raise_alerts(run, START + timedelta(minutes=minutes), RUNNING)
    silent = START + timedelta(minutes=56)  # a shard came every 7.5 minutes
    assert [alert.level for alert in raise_alerts(run, silent, RUNNING)] == [Level.STALLED]
    again = silent + timedelta(minutes=1)
    report(run.paths, again, rows_done=2500)
    for _ in range(3):
        raise_alerts(run, again, RUNNING)
    assert levels(run) == ["stalled", "recovered"]


def test_a_wait_in_the_queue_is_raised(run: BatchRun) -> None:
    for minutes in (0, 30, 59, 61, 90):
        raise_alerts(run, START + timedelta(minutes=minutes), WAITING)
    assert levels(run) == ["queued"]


def test_without_a_plan_nothing_is_late(run: BatchRun) -> None:
    run.paths.plan.unlink()
    make_late(run)
    assert [raise_alerts(run, DEADLINE + timedelta(days=1), WAITING) for _ in range(3)] == [[]] * 3


def test_an_alert_found_in_another_way_is_recorded_once(run: BatchRun) -> None:
    assert raise_alert(run, Alert(Level.BREACHED, "its deadline\nhas passed"))
    assert not raise_alert(run, Alert(Level.BREACHED, "again"))
    assert [record.text for record in recorded(run)] == ["its deadline has passed"]
    make_late(run)
    late = DEADLINE + timedelta(minutes=1)
    assert [raise_alerts(run, late, RUNNING) for _ in range(3)] == [[]] * 3


def test_a_skipped_day_does_not_silence_the_sensor(run: BatchRun) -> None:
    append_record(run.paths.alerts, AlertRecord("missed", START, "two days"))
    make_late(run)
    assert [len(raise_alerts(run, NOW, RUNNING)) for _ in range(4)] == [0, 1, 1, 0]

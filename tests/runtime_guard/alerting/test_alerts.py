"""What a person is told, each level once a run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from run_contract.files import append_json_line, read_json, read_json_lines
from run_contract.layout import RunPaths, Workspace
from runtime_guard.alerting.alerts import Alert, find_alerts, raise_alert, raise_alerts
from runtime_guard.alerting.levels import Level
from runtime_guard.alerting.watch_state import alone
from tests.runtime_guard.runs import DEADLINE, START, plan, report

NOW = START + timedelta(hours=5)


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    run = Workspace(tmp_path).run("20260101T000000Z")
    plan(run)
    return run


def make_late(run: RunPaths) -> None:
    """Half its time is over, and three tenths of its rows are done."""
    report(run, NOW, rows_done=3000)


def levels(run: RunPaths) -> list[str]:
    return [record["level"] for record in read_json_lines(run.alerts)]


def test_a_run_that_ends_in_time_gives_no_cause(run: RunPaths) -> None:
    for minutes in range(0, 160, 5):
        now = START + timedelta(minutes=minutes)
        report(run, now, rows_done=minutes * 60 // 500 * 500)
        assert raise_alerts(run, now, "running") == []
    assert not run.alerts.exists()


def test_each_alert_is_raised_once(run: RunPaths) -> None:
    make_late(run)
    assert raise_alerts(run, NOW, "running") == []
    (alert,) = raise_alerts(run, NOW, "running")
    assert alert.level == Level.AT_RISK
    assert alert.text.startswith("run 20260101T000000Z: 30% done (3,000 of 10,000 rows); finishes ")
    assert [alert.level for alert in raise_alerts(run, NOW, "running")] == [Level.LATE]
    assert [raise_alerts(run, NOW, "running") for _ in range(5)] == [[]] * 5
    record, _ = read_json_lines(run.alerts)
    assert (record["level"], record["text"]) == ("at_risk", alert.text)
    assert datetime.fromisoformat(record["raised_at"]).tzinfo is not None
    assert levels(run) == ["at_risk", "late"]


def test_to_find_an_alert_is_not_to_raise_it(run: RunPaths) -> None:
    make_late(run)
    found = [find_alerts(run, NOW, "running") for _ in range(3)]
    assert found == [[], [Level.AT_RISK], [Level.AT_RISK]]
    assert not run.alerts.exists()
    assert [alert.level for alert in raise_alerts(run, NOW, "running")] == [Level.AT_RISK]
    assert find_alerts(run, NOW, "running") == [Level.LATE]


def test_nothing_is_raised_when_predict_has_ended_since(run: RunPaths) -> None:
    make_late(run)
    assert [find_alerts(run, NOW, "running") for _ in range(2)] == [[], [Level.AT_RISK]]
    assert raise_alerts(run, NOW, "success") == []
    report(run, NOW, rows_done=10_000, state="finished")
    assert raise_alerts(run, DEADLINE + timedelta(hours=1), "running") == []
    assert not run.alerts.exists()


def test_a_watch_that_begins_anew_goes_on_where_the_last_one_stopped(run: RunPaths) -> None:
    make_late(run)
    find_alerts(run, NOW, "running")
    assert read_json(run.watch_state)["late_polls"] == 1
    assert "raised" not in read_json(run.watch_state)  # alerts.jsonl alone says that
    run.watch_state.unlink()
    assert find_alerts(run, NOW, "running") == []
    assert [alert.level for alert in raise_alerts(run, NOW, "running")] == [Level.AT_RISK]
    run.watch_state.unlink()
    assert [len(raise_alerts(run, NOW, "running")) for _ in range(4)] == [0, 1, 0, 0]
    assert levels(run) == ["at_risk", "late"]


def test_two_watches_at_a_time_raise_it_once(run: RunPaths) -> None:
    make_late(run)
    find_alerts(run, NOW, "running")
    with ThreadPoolExecutor(1) as pool:
        with alone(run):
            second = pool.submit(raise_alerts, run, NOW, "running")
            with pytest.raises(TimeoutError):  # it waits for the first, which is about to raise the same
                second.result(0.2)
            append_json_line(run.alerts, {"level": "at_risk", "raised_at": NOW.isoformat(), "text": "of the first"})
        assert [alert.level for alert in second.result(30)] == [Level.LATE]
    assert levels(run) == ["at_risk", "late"]


def test_a_run_that_stands_still_is_raised_and_taken_back(run: RunPaths) -> None:
    started = START + timedelta(minutes=30)
    report(run, started, rows_done=2000)
    assert raise_alerts(run, started, "running") == []
    for minutes in (33, 36, 39, 42):
        raise_alerts(run, START + timedelta(minutes=minutes), "running")
    silent = START + timedelta(minutes=56)  # a shard came every 7.5 minutes
    assert [alert.level for alert in raise_alerts(run, silent, "running")] == [Level.STALLED]
    again = silent + timedelta(minutes=1)
    report(run, again, rows_done=2500)
    for _ in range(3):
        raise_alerts(run, again, "running")
    assert levels(run) == ["stalled", "recovered"]


def test_a_wait_in_the_queue_is_raised(run: RunPaths) -> None:
    for minutes in (0, 30, 59, 61, 90):
        raise_alerts(run, START + timedelta(minutes=minutes), "queued")
    assert levels(run) == ["queued"]


def test_without_a_plan_nothing_is_late(run: RunPaths) -> None:
    run.plan.unlink()
    make_late(run)
    assert [raise_alerts(run, DEADLINE + timedelta(days=1), "queued") for _ in range(3)] == [[]] * 3


def test_an_alert_that_somebody_else_found_is_recorded_once(run: RunPaths) -> None:
    assert raise_alert(run, Alert(Level.BREACHED, "its time\nis over"))
    assert not raise_alert(run, Alert(Level.BREACHED, "again"))
    assert [record["text"] for record in read_json_lines(run.alerts)] == ["its time is over"]
    make_late(run)
    late = DEADLINE + timedelta(minutes=1)
    assert [raise_alerts(run, late, "running") for _ in range(3)] == [[]] * 3


def test_a_skipped_day_does_not_silence_the_watch(run: RunPaths) -> None:
    append_json_line(run.alerts, {"level": "missed", "raised_at": START.isoformat(), "text": "two days"})
    make_late(run)
    assert [len(raise_alerts(run, NOW, "running")) for _ in range(4)] == [0, 1, 1, 0]

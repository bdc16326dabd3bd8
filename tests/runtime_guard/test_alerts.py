"""What a person is told, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from image_scoring.contract import RunPaths, Workspace
from image_scoring.files import read_json_lines, write_json
from runtime_guard.alerts import LATE, Alert, find_alert, raise_alert

START = datetime(2026, 1, 1, tzinfo=UTC)
ALERT_AT = START + timedelta(hours=8)
DEADLINE_AT = START + timedelta(hours=10)


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    run = Workspace(tmp_path).run("20260101T000000Z")
    write_json(run.plan, {"alert_at": ALERT_AT.isoformat(), "deadline_at": DEADLINE_AT.isoformat()})
    return run


def report(run: RunPaths, now: datetime, eta_seconds: float | None, **changes: Any) -> None:
    """What the driver would say at `now`: 1,000 of 10,000 rows done, on 4 cores."""
    progress = {"state": "predicting", "updated_at": now.isoformat(), "eta_seconds": eta_seconds, "cores": 4}
    counts = {"rows_total": 10_000, "rows_done": 1000, "steady_images_per_second": 0.25}
    write_json(run.progress, {**progress, **counts, **changes})


def test_a_run_that_ends_in_time_gives_no_cause(run: RunPaths) -> None:
    now = START + timedelta(hours=1)
    assert find_alert(run, now) is None
    report(run, now, eta_seconds=7 * 3600)  # on the alert's minute: not past it
    assert find_alert(run, now) is None


def test_a_run_that_will_end_late_is_told_of_long_before(run: RunPaths) -> None:
    now = START + timedelta(hours=1)
    report(run, now, eta_seconds=36_000)  # 9,000 rows at 0.25 a second
    alert = find_alert(run, now)
    assert alert is not None
    assert alert.level == LATE
    assert alert.text == (
        "run 20260101T000000Z: 1,000 of 10,000 rows done, predict finishes 11:00 UTC at this pace; it should by "
        "08:00 UTC, the next run is due 10:00 UTC; 1 more cores from now on (now 4) would end it before the next run"
    )


def test_an_alert_is_raised_once(run: RunPaths) -> None:
    now = START + timedelta(hours=1)
    report(run, now, eta_seconds=36_000)
    alert = find_alert(run, now)
    assert alert is not None
    assert find_alert(run, now) == alert  # to find it is not to raise it
    raise_alert(run, alert)
    for hours in (1, 9, 11):
        assert find_alert(run, START + timedelta(hours=hours)) is None
    [record] = read_json_lines(run.alerts)
    assert (record["level"], record["text"]) == (LATE, alert.text)
    assert datetime.fromisoformat(record["raised_at"]).tzinfo is not None


def test_an_alert_of_another_kind_does_not_silence_it(run: RunPaths) -> None:
    raise_alert(run, Alert("other", "something else"))
    assert find_alert(run, ALERT_AT + timedelta(seconds=1)) is not None


@pytest.mark.parametrize(
    ("hours", "eta_seconds", "changes", "ending"),
    [
        (7, 2 * 3600, {"rows_done": 9_000}, "it ends before the next run, but with less than the buffer to spare"),
        (10.5, 3600, {}, "it can no longer end in time"),
        (1, 36_000, {"cores": 0}, "the next run is due 10:00 UTC"),
        (1, 36_000, {"steady_images_per_second": None}, "the next run is due 10:00 UTC"),
    ],
)
def test_the_text_says_what_would_help(
    hours: float, eta_seconds: float, changes: dict[str, Any], ending: str, run: RunPaths
) -> None:
    now = START + timedelta(hours=hours)
    report(run, now, eta_seconds, **changes)
    alert = find_alert(run, now)
    assert alert is not None
    assert alert.text.endswith(ending)


def test_a_run_without_a_pace_is_late_when_the_clock_says_so(run: RunPaths) -> None:
    assert find_alert(run, ALERT_AT) is None
    alert = find_alert(run, ALERT_AT + timedelta(seconds=1))
    assert alert is not None
    assert "predict has no pace yet at 08:00 UTC" in alert.text
    assert "look at the task predict" in alert.text


def test_a_time_on_another_day_has_its_date(run: RunPaths) -> None:
    now = START + timedelta(hours=1)
    report(run, now, eta_seconds=36 * 3600)
    alert = find_alert(run, now)
    assert alert is not None
    assert "predict finishes 2026-01-02 13:00 UTC" in alert.text


def test_without_a_plan_or_a_deadline_nothing_is_late(run: RunPaths) -> None:
    late = DEADLINE_AT + timedelta(days=1)
    write_json(run.plan, {"alert_at": None, "deadline_at": None})
    assert find_alert(run, late) is None
    run.plan.unlink()
    assert find_alert(run, late) is None

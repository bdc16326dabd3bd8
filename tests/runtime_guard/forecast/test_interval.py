"""How long a run may take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runtime_guard.forecast.interval import RunInterval, make_run_interval, parse_interval

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("1.5h", timedelta(minutes=90)),
        ("1d", timedelta(days=1)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_an_interval_is_read(text: str, interval: timedelta) -> None:
    assert parse_interval(text) == interval


@pytest.mark.parametrize("text", ["", "6", "h", "6 h", "-1h", "1y", "1h30m", "6h\n", ".5h", "1e3s", "0s", "0.0d"])
def test_a_text_that_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="interval"):
        parse_interval(text)


def test_an_interval_lasts_until_the_next_run_and_alerts_before_it() -> None:
    run_interval = make_run_interval(START, START + timedelta(hours=10), 0.2)
    assert run_interval == RunInterval(START, START + timedelta(hours=10), START + timedelta(hours=8))


def test_without_a_buffer_the_alert_is_at_the_deadline() -> None:
    run_interval = make_run_interval(START, START + timedelta(hours=10), 0)
    assert run_interval is not None
    assert run_interval.alert_at == run_interval.deadline_at


@pytest.mark.parametrize("following", [None, START + timedelta(days=1)])
def test_an_explicit_interval_wins(following: datetime | None) -> None:
    run_interval = make_run_interval(START, following, 0.5, timedelta(hours=1))
    assert run_interval == RunInterval(START, START + timedelta(hours=1), START + timedelta(minutes=30))


@pytest.mark.parametrize("following", [None, START, START - timedelta(days=1)])
def test_without_a_next_run_there_is_no_interval(following: datetime | None) -> None:
    assert make_run_interval(START, following, 0.2) is None


def test_a_run_that_starts_late_keeps_its_deadline() -> None:
    following = START + timedelta(hours=10)
    late = make_run_interval(START, following, 0.2, started_at=START + timedelta(hours=9))
    assert late == make_run_interval(START, following, 0.2)


@pytest.mark.parametrize("hours", [10, 13])
def test_a_run_that_starts_after_its_deadline_has_until_the_next_run_after_its_start(hours: float) -> None:
    started, following = START + timedelta(hours=hours), START + timedelta(hours=20)
    run_interval = make_run_interval(
        START, START + timedelta(hours=10), 0.2, started_at=started, next_after_start=following
    )
    assert run_interval == RunInterval(started, following, following - (following - started) * 0.2)


@pytest.mark.parametrize(
    ("interval", "next_after_start"), [(timedelta(hours=10), START + timedelta(hours=20)), (None, None)]
)
def test_without_a_next_run_to_go_by_it_has_a_whole_interval_from_its_start(
    interval: timedelta | None, next_after_start: datetime | None
) -> None:
    started, following = START + timedelta(hours=13), START + timedelta(hours=10)
    run_interval = make_run_interval(START, following, 0.2, interval, started, next_after_start=next_after_start)
    assert run_interval == RunInterval(started, started + timedelta(hours=10), started + timedelta(hours=8))


@pytest.mark.parametrize("days", [0, 30])
def test_a_backfilled_run_has_the_interval_from_its_start(days: int) -> None:
    started, following = START + timedelta(days=days, hours=1), START + timedelta(hours=10)
    run_interval = make_run_interval(
        START, following, 0.2, started_at=started, backfill=True, next_after_start=started + timedelta(minutes=5)
    )
    assert run_interval == RunInterval(started, started + timedelta(hours=10), started + timedelta(hours=8))


def test_a_backfilled_run_may_have_an_interval_of_its_own() -> None:
    started = START + timedelta(days=30)
    run_interval = make_run_interval(START, None, 0, timedelta(hours=2), started, backfill=True)
    assert run_interval == RunInterval(started, started + timedelta(hours=2), started + timedelta(hours=2))

"""How long a run may take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runtime_guard.budget import Budget, make_budget, parse_interval

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
def test_an_interval_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="interval"):
        parse_interval(text)


def test_a_budget_lasts_until_the_next_run_and_alerts_before_it() -> None:
    budget = make_budget(START, START + timedelta(hours=10), 0.2)
    assert budget == Budget(START, START + timedelta(hours=10), START + timedelta(hours=8))
    assert budget.interval_seconds == 36_000


def test_without_a_buffer_the_alert_is_at_the_deadline() -> None:
    budget = make_budget(START, START + timedelta(hours=10), 0)
    assert budget is not None
    assert budget.alert_at == budget.deadline_at


@pytest.mark.parametrize("following", [None, START + timedelta(days=1)])
def test_an_interval_that_was_asked_for_wins(following: datetime | None) -> None:
    budget = make_budget(START, following, 0.5, timedelta(hours=1))
    assert budget == Budget(START, START + timedelta(hours=1), START + timedelta(minutes=30))


@pytest.mark.parametrize("following", [None, START, START - timedelta(days=1)])
def test_without_a_next_run_there_is_no_budget(following: datetime | None) -> None:
    assert make_budget(START, following, 0.2) is None

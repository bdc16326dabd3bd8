"""Numbers, durations and times as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from run_contract.formatting import (
    change,
    clock,
    count,
    duration,
    one_line,
    rate,
    rough_share,
    share,
    short_clock,
    short_date,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 s"),
        (7.5, "7.5 s"),
        (41.4, "41 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (720, "12 min"),
        (99 * 60 + 29, "99 min"),
        (100 * 60, "1 h 40 min"),
        (24 * 3600, "24 h"),
        (10 * 3600 + 600, "10 h 10 min"),
        (3 * 3600 + 299, "3 h 5 min"),
        (3600 * 47 + 59 * 60 + 29, "47 h 59 min"),
        (48 * 3600, "2.0 days"),
        (1_002_240, "11.6 days"),
    ],
)
def test_lengths_of_time(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_moments() -> None:
    assert clock(NOON, NOON + timedelta(hours=11)) == "12:00 UTC"
    assert clock(NOON, NOON + timedelta(hours=13)) == "2026-11-24 12:00 UTC"
    assert clock(NOON.astimezone(timezone(timedelta(hours=5)))) == "2026-11-24 12:00 UTC"
    assert short_date(NOON) == "24 Nov 12:00"
    assert short_date(None) == "–"
    assert short_clock(NOON, NOON + timedelta(seconds=599)) == "12:00:00"
    assert short_clock(NOON, NOON + timedelta(seconds=600)) == "12:00"
    assert short_clock(NOON, NOON + timedelta(hours=13)) == "24 Nov 12:00"


def test_numbers() -> None:
    assert count(1234) == "1,234"
    assert count(1, "worker") == "1 worker"
    assert count(3, "worker") == "3 workers"
    assert count(None) == share(None) == "–"
    assert share(0.1234) == "12.3%"
    assert share(0.99, 0) == "99%"
    assert [rough_share(part) for part in (1.2, 0.55, 0.099, 0.00052, None)] == ["120%", "55%", "9.9%", "0.052%", "–"]
    assert [change(part) for part in (0.073, -0.5, 0.0, None)] == ["+7%", "-50%", "+0%", "–"]
    assert [rate(number) for number in (1234.5, 52.11, 0.8312, None)] == ["1,234", "52.1", "0.831", "–"]


def test_a_text_stays_on_one_line() -> None:
    assert one_line("a\nb\x1b[31mc\u2028d\x9b") == "a b [31mc d"

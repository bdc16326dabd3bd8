"""What an alert says to a person at night."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from runtime_guard.alerting.alert_text import clock, describe, one_line, span
from runtime_guard.alerting.levels import Level, Observation, Phase, WatchState
from runtime_guard.forecast.finish import Forecast
from runtime_guard.forecast.run_status import RunStatus
from runtime_guard.forecast.scale_up import find_scale_up
from tests.runtime_guard.runs import DEADLINE, START

NOW = START + timedelta(hours=4)


def status(
    hours: float | None, now: datetime = NOW, deadline: datetime | None = DEADLINE, **progress: Any
) -> RunStatus:
    """Of a run with 4,100 of 10,000 rows on 2 workers of 2 cores, and `hours` to go as P50 and P90."""
    forecast = None if hours is None else Forecast(0.0, 3600 * hours, 0.0)
    left = (deadline - now).total_seconds() if deadline else None
    probability = forecast.miss_probability(left) if forecast and left is not None else None
    observation = Observation(now, Phase.PREDICTING, probability, deadline, now - timedelta(minutes=12), 300.0, 60.0)
    counts = {"rows_total": 10_000, "rows_done": 4100, "shards_total": 100, "shards_done": 41}
    plan = {"cores_per_worker": 2}
    return RunStatus(
        "20260101T000000Z", plan, {**counts, "workers": 2, "cores": 4, **progress}, None, forecast, observation
    )


def text(level: Level, found: RunStatus, watch_state: WatchState | None = None) -> str:
    return describe(
        level, found, watch_state or WatchState(phase_since=START, waiting_since=NOW - timedelta(minutes=7))
    )


def test_a_run_that_is_late_says_what_saves_it() -> None:
    """Four cores need 8 h 40 min and have six hours; six of them would need 5 h 47 min."""
    assert text(Level.LATE, status(8 + 2 / 3)) == (
        "run 20260101T000000Z: 41% done (4,100 of 10,000 rows); finishes 02:40 late (P50), 02:40 late (P90), 100% sure "
        "to be late; it is due 10:00 UTC; 1 more worker by 04:38 UTC saves it: "
        "docker compose up -d --scale spark-worker=3"
    )


def test_how_sure_it_is_is_said_in_two_ways() -> None:
    found = status(5.5)
    unsure = replace(
        found, forecast=Forecast(0.0, 5.5 * 3600, 0.2), observation=replace(found.observation, miss_probability=0.33)
    )
    assert "finishes 30 min early (P50), 01:06 late (P90), 33% sure to be late" in text(Level.AT_RISK, unsure)


def test_several_workers_are_asked_for_in_one_command() -> None:
    assert text(Level.LATE, status(12.0)).endswith(
        "3 more workers by 05:59 UTC save it: docker compose up -d --scale spark-worker=5"
    )


@pytest.mark.parametrize("hours", [6.01, 6.5, 7.0, 9.0, 12.0, 30.0])
def test_the_remedy_ends_the_run_in_time_and_one_worker_less_does_not(hours: float) -> None:
    found = status(hours)
    scale_up = find_scale_up(found)
    assert scale_up is not None
    core_seconds, left = 4 * hours * 3600, 6 * 3600

    def done(total: int, within: float) -> float:
        """Core seconds by the deadline, when `total` workers are at work `within` seconds from now."""
        return 4 * within + 2 * total * (left - 30 - within)

    within = scale_up.within.total_seconds()
    assert done(scale_up.total, within) == pytest.approx(core_seconds)
    assert done(scale_up.total - 1, 600) < core_seconds
    assert scale_up.total == scale_up.more + 2
    assert within >= 900  # time to get up


@pytest.mark.parametrize(
    "found",
    [
        status(8.0, now=DEADLINE - timedelta(seconds=20)),  # a worker takes longer to start
        status(8.0, shards_done=97),  # there is nothing left that another worker could do
        status(400.0),
    ],
)
def test_when_nothing_saves_it_that_is_said(found: RunStatus) -> None:
    assert find_scale_up(found) is None
    said = text(Level.LATE, found)
    assert "; nothing saves it any more: let it end; a run that is due before that is skipped; " in said
    assert said.endswith("only_new=true shortens the ones after it")


def test_a_run_that_may_still_make_it_is_not_given_up() -> None:
    found = status(5.9, shards_done=97)
    unsure = replace(
        found, forecast=Forecast(0.0, 5.9 * 3600, 0.05), observation=replace(found.observation, miss_probability=0.36)
    )
    assert "; more workers no longer help: let it end; " in text(Level.AT_RISK, unsure)


@pytest.mark.parametrize("found", [status(None), status(8.0, workers=0, cores=0)])
def test_what_is_not_known_is_not_promised(found: RunStatus) -> None:
    said = text(Level.LATE, found)
    assert "nothing saves it" not in said
    assert "look at the log of the task predict" in said


def test_a_breach_says_what_comes_then() -> None:
    said = text(Level.BREACHED, status(2.0, now=DEADLINE + timedelta(minutes=3)))
    assert "its time was over 10:00 UTC" in said
    assert "finishes 02:03 late (P50)" in said
    assert "sure to be late" not in said
    assert "let it end" in said


def test_a_stall_says_since_when_and_where_to_look() -> None:
    said = text(Level.STALLED, status(8.0))
    assert "no row since 03:48 UTC, for 12 min (up to 5 min would be usual)" in said
    for thing in ("log of the task predict", "Spark master (port 8080)", "pgrep -af CoarseGrainedExecutorBackend"):
        assert thing in said


def test_a_wait_says_for_what() -> None:
    for_airflow = text(Level.QUEUED, status(8.0))
    assert "predict has waited 7 min for a slot of Airflow" in for_airflow
    for_cores = text(Level.QUEUED, status(8.0, waiting=True))
    assert "predict has waited 7 min for cores of Spark" in for_cores
    assert "finishes 02:00 late (P50)" in for_cores


def test_a_recovery_says_when_it_ends() -> None:
    assert "; recovered; finishes 01:00 early (P50), 01:00 early (P90)" in text(Level.RECOVERED, status(5.0))


def test_without_a_deadline_there_is_a_time_all_the_same() -> None:
    assert "finishes 12:00 UTC (P50)" in text(Level.RECOVERED, status(8.0, deadline=None))


@pytest.mark.parametrize("level", [level for level in Level if level != Level.MISSED])
@pytest.mark.parametrize("hours", [None, 0.0, 8.0])
def test_every_text_is_one_line_and_names_the_run(level: Level, hours: float | None) -> None:
    hostile = replace(status(hours), run_key="a\nERROR b\x1b[31m\u2028c", progress={})
    said = text(level, hostile)
    assert said.startswith("run a ERROR b [31m c: 0% done (0 of 0 rows); ")
    assert re.search(r"[^\x20-\x7e]", said) is None


def test_a_line_stays_one() -> None:
    assert one_line(" a\r\n\tb\x00\x9bc\u2029ü ") == "a b c ü"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (9600, "02:40"), (100 * 3600, "4.2 days")],
)
def test_a_length_of_time_is_short(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_a_time_on_another_day_has_its_date() -> None:
    assert clock(NOW, START) == "04:00 UTC"
    assert clock(NOW + timedelta(days=1), START) == "2026-01-02 04:00 UTC"

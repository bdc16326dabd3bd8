"""The text of an alert for a person at night."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from runtime_guard.alerting.alert_text import describe
from runtime_guard.alerting.levels import Level, WatchState
from runtime_guard.batch_run import ADVICE
from runtime_guard.forecast.finish import Forecast
from runtime_guard.forecast.records import Phase, WorkPlan, WorkProgress
from runtime_guard.forecast.run_status import Observation, RunStatus
from runtime_guard.forecast.scale_up import find_scale_up
from tests.runtime_guard.runs import DEADLINE, START

NOW = START + timedelta(hours=4)


def status_of(
    hours: float | None, now: datetime = NOW, deadline: datetime | None = DEADLINE, **changes: Any
) -> RunStatus:
    """Return a run with 4,100 of 10,000 rows on 2 workers of 2 cores, and `hours` to go as P50 and P90."""
    forecast = None if hours is None else Forecast(0.0, 3600 * hours, 0.0)
    left = (deadline - now).total_seconds() if deadline else None
    probability = forecast.miss_probability(left) if forecast and left is not None else None
    observation = Observation(now, Phase.WORKING, probability, deadline, now - timedelta(minutes=12), 300.0, 60.0)
    progress = WorkProgress(rows_total=10_000, rows_done=4100, pieces_total=100, pieces_done=41, workers=2, cores=4)
    plan = WorkPlan(cores_per_worker=2)
    return RunStatus("20260101T000000Z", plan, replace(progress, **changes), forecast, observation)


def text(level: Level, status: RunStatus, state: WatchState | None = None) -> str:
    waiting = WatchState(phase_since=START, waiting_since=NOW - timedelta(minutes=7))
    return describe(level, status, state or waiting, ADVICE)


def uncertain(status: RunStatus, hours: float, spread: float, miss_probability: float) -> RunStatus:
    observation = replace(status.observation, miss_probability=miss_probability)
    return replace(status, forecast=Forecast(0.0, hours * 3600, spread), observation=observation)


def test_a_late_run_needs_workers() -> None:
    """Four cores need 8 h 40 min and have six hours; six of them would need 5 h 47 min."""
    assert text(Level.LATE, status_of(8 + 2 / 3)) == (
        "run 20260101T000000Z: 41% done (4,100 of 10,000 rows); expected to finish 2 h 40 min after its deadline (P50) "
        "or 2 h 40 min after it (P90), 100% likely to miss its deadline at 10:00 UTC; add 1 worker by 04:38 UTC to "
        "finish on time: docker compose up -d --scale spark-worker=3"
    )


def test_the_uncertainty_is_given_in_two_ways() -> None:
    status = uncertain(status_of(5.5), 5.5, 0.2, 0.33)
    assert (
        "expected to finish 30 min before its deadline (P50) or 66 min after it (P90), 33% likely to miss its deadline"
    ) in text(Level.AT_RISK, status)


def test_one_command_adds_several_workers() -> None:
    assert text(Level.LATE, status_of(12.0)).endswith(
        "add 3 workers by 05:59 UTC to finish on time: docker compose up -d --scale spark-worker=5"
    )


@pytest.mark.parametrize("hours", [6.01, 6.5, 7.0, 9.0, 12.0, 30.0])
def test_the_scale_up_ends_the_run_in_time_and_one_worker_less_does_not(hours: float) -> None:
    scale_up = find_scale_up(status_of(hours))
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
    "status",
    [
        status_of(8.0, now=DEADLINE - timedelta(seconds=20)),  # a worker takes longer to start
        status_of(8.0, pieces_done=97),  # there is nothing left that another worker could do
        status_of(400.0),
    ],
)
def test_a_run_that_no_number_of_workers_helps(status: RunStatus) -> None:
    assert find_scale_up(status) is None
    found = text(Level.LATE, status)
    assert "; it can no longer finish on time: let it finish; runs that fall due before then are skipped; " in found
    assert found.endswith("with only_new=true later runs take less time")


def test_a_run_that_may_still_finish_on_time_is_not_given_up() -> None:
    status = uncertain(status_of(5.9, pieces_done=97), 5.9, 0.05, 0.36)
    assert "; more workers no longer help: let it finish; " in text(Level.AT_RISK, status)


@pytest.mark.parametrize("status", [status_of(None), status_of(8.0, workers=0, cores=0)])
def test_what_is_not_known_is_not_promised(status: RunStatus) -> None:
    found = text(Level.LATE, status)
    assert "it can no longer finish" not in found
    assert "check the log of the task predict" in found


def test_a_breach_comes_with_its_consequence() -> None:
    found = text(Level.BREACHED, status_of(2.0, now=DEADLINE + timedelta(minutes=3)))
    assert "its deadline at 10:00 UTC has passed" in found
    assert "expected to finish 2 h 3 min after its deadline (P50)" in found
    assert "likely to miss" not in found
    assert "let it finish" in found


def test_a_stall_comes_with_its_start_and_with_where_to_look() -> None:
    found = text(Level.STALLED, status_of(8.0))
    assert "no row since 03:48 UTC, for 12 min (up to 5 min is usual)" in found
    for thing in ("log of the task predict", "Spark master (port 8080)", "pgrep -af CoarseGrainedExecutorBackend"):
        assert thing in found


def test_a_wait_comes_with_its_cause() -> None:
    for_airflow = text(Level.QUEUED, status_of(8.0))
    assert "it has waited 7 min for a slot of Airflow" in for_airflow
    for_cores = text(Level.QUEUED, status_of(8.0, waiting=True))
    assert "it has waited 7 min for cores of Spark" in for_cores
    assert "expected to finish 2 h after its deadline (P50)" in for_cores


def test_a_recovery_comes_with_the_forecast() -> None:
    found = text(Level.RECOVERED, status_of(5.0))
    assert "; recovered; expected to finish 60 min before its deadline (P50) or 60 min before it (P90)" in found


def test_without_a_deadline_there_is_a_time_all_the_same() -> None:
    assert "expected to finish at 12:00 UTC (P50)" in text(Level.RECOVERED, status_of(8.0, deadline=None))


@pytest.mark.parametrize("level", [level for level in Level if level != Level.MISSED])
@pytest.mark.parametrize("hours", [None, 0.0, 8.0])
def test_every_text_is_one_line_and_names_the_run(level: Level, hours: float | None) -> None:
    hostile = replace(status_of(hours), name="a\nERROR b\x1b[31m\u2028c", progress=WorkProgress())
    found = text(level, hostile)
    assert found.startswith("run a ERROR b [31m c: 0% done (0 of 0 rows); ")
    assert re.search(r"[^\x20-\x7e]", found) is None

"""A run as one poll sees it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runtime_guard.forecast.records import Pace, Phase, Sample, SchedulerState, WorkPlan, WorkProgress, WorkState
from runtime_guard.forecast.run_status import (
    REPORT_SECONDS,
    RunStatus,
    expected_silence,
    find_phase,
    last_advance,
    make_run_status,
    queue_limit,
    reported_state,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
ALERT_AT = START + timedelta(hours=8)
DEADLINE = START + timedelta(hours=10)
PACE = Pace(core_seconds_per_row=4.0, cost_spread=0.1, overhead_seconds=20.0, overhead_spread=5.0, runs=5)
PLAN = WorkPlan(START, ALERT_AT, DEADLINE, 10_000, 10_000, 20, 2, 4, 2, PACE, 11_400.0)
WAITING, RUNNING = SchedulerState.WAITING, SchedulerState.RUNNING


def report(now: datetime, rows_done: int = 0, **changes: Any) -> WorkProgress:
    """Return the progress of rows that came evenly since START, a piece of 500 at a time."""
    pieces = rows_done // 500
    seconds = (now - START).total_seconds()
    moments = [START.timestamp() + seconds * index / max(pieces, 1) for index in range(pieces + 1)]
    progress = WorkProgress(
        state=WorkState.WORKING,
        started_at=START,
        updated_at=now,
        rows_total=10_000,
        rows_done=rows_done,
        pieces_total=20,
        pieces_done=pieces,
        workers=2,
        cores=4,
        item_timeout=60.0,
        samples=tuple(Sample(moment, 500 * index, 4, 500) for index, moment in enumerate(moments)),
    )
    return replace(progress, **changes)


def status_of(
    now: datetime, state: SchedulerState, plan: WorkPlan = PLAN, progress: WorkProgress | None = None
) -> RunStatus:
    return make_run_status("r", plan, progress or WorkProgress(), now, state)


@pytest.mark.parametrize(
    ("state", "progress", "phase"),
    [
        (WAITING, WorkProgress(), Phase.WAITING),
        (WAITING, WorkProgress(WorkState.WORKING), Phase.WAITING),  # of an earlier attempt
        (RUNNING, WorkProgress(), Phase.STARTING),
        (RUNNING, WorkProgress(WorkState.STARTING), Phase.STARTING),
        (RUNNING, WorkProgress(WorkState.STARTING, waiting=True), Phase.WAITING),
        (RUNNING, WorkProgress(WorkState.WORKING, waiting=False), Phase.WORKING),
        (RUNNING, WorkProgress(WorkState.FAILED), Phase.STARTING),
        (RUNNING, WorkProgress(WorkState.FINISHED), Phase.ENDED),
        (SchedulerState.RETRYING, WorkProgress(WorkState.FAILED), Phase.RETRYING),
        (SchedulerState.ENDED, WorkProgress(WorkState.WORKING), Phase.ENDED),
    ],
)
def test_the_phase_is_from_the_scheduler_and_from_the_task(
    state: SchedulerState, progress: WorkProgress, phase: Phase
) -> None:
    assert find_phase(state, progress) == phase


@pytest.mark.parametrize(
    ("state", "seconds_ago", "expected"),
    [
        (WorkState.STARTING, 1, SchedulerState.RUNNING),
        (WorkState.WORKING, REPORT_SECONDS - 1, SchedulerState.RUNNING),
        (WorkState.FINISHED, 1, SchedulerState.ENDED),
        (WorkState.WORKING, REPORT_SECONDS + 1, None),
        (WorkState.FINISHED, REPORT_SECONDS + 1, None),
        (WorkState.STARTING, -REPORT_SECONDS - 1, None),  # its clock is ahead of ours
        (WorkState.FAILED, 1, None),  # perhaps it is tried again
    ],
)
def test_a_report_counts_while_it_is_fresh(
    state: WorkState, seconds_ago: float, expected: SchedulerState | None
) -> None:
    progress = WorkProgress(state, updated_at=START - timedelta(seconds=seconds_ago))
    assert reported_state(progress, START) == expected


def test_a_task_without_a_report_has_no_reported_state() -> None:
    assert reported_state(WorkProgress(), START) is None


def test_before_the_first_row_the_forecast_is_from_the_plan() -> None:
    found = status_of(START, WAITING)
    assert found.forecast is not None
    assert found.forecast.p50_seconds == pytest.approx(10_020, rel=0.01)
    assert found.observation.miss_probability == pytest.approx(0, abs=1e-6)
    late = status_of(DEADLINE - timedelta(hours=1), WAITING)
    assert late.observation.miss_probability == pytest.approx(1, abs=1e-6)


def test_copied_rows_cost_nothing() -> None:
    found = status_of(START, RUNNING, replace(PLAN, new_rows=1000))
    assert found.forecast is not None
    assert found.forecast.p50_seconds == pytest.approx(1020, rel=0.01)


def test_while_it_works_the_forecast_is_from_its_own_pace() -> None:
    now = START + timedelta(hours=5)
    found = status_of(now, RUNNING, progress=report(now, rows_done=3000))  # 6 s a row, where 1 s was planned
    assert found.forecast is not None
    assert 28_000 < found.forecast.p50_seconds < 45_000
    seen = found.observation
    assert seen.miss_probability is not None
    assert seen.miss_probability > 0.8
    assert (seen.phase, seen.last_advance, found.rows_done) == (Phase.WORKING, now, 3000)


def test_without_a_plan_there_is_neither_forecast_nor_deadline() -> None:
    found = status_of(START, WAITING, WorkPlan())
    seen = found.observation
    assert (found.forecast, seen.deadline_at, seen.miss_probability) == (None, None, None)
    assert (seen.queue_limit, found.rows_total, found.rows_done) == (None, 0, 0)


def test_without_a_deadline_there_is_nothing_to_miss() -> None:
    found = status_of(START, WAITING, replace(PLAN, deadline_at=None, alert_at=None))
    assert found.forecast is not None
    assert (found.observation.miss_probability, found.observation.queue_limit) == (None, None)


def silence(progress: WorkProgress, pace: Pace | None = None) -> float | None:
    return expected_silence(Phase.WORKING, progress, pace)


def test_the_usual_silence_is_from_the_runs_own_pauses() -> None:
    now = START + timedelta(hours=1)
    progress = report(now, rows_done=3000)  # a piece every ten minutes
    assert silence(progress) == pytest.approx(3 * 600)
    assert silence(progress, PACE) == pytest.approx(3 * 600)
    assert last_advance(progress) == now


def test_larger_pieces_take_longer() -> None:
    progress = report(START + timedelta(hours=1), rows_done=3000, rows_total=14_000 * 2 + 3000)
    assert silence(progress) == pytest.approx(3 * 600 * 4)


def test_the_last_piece_has_the_time_that_one_core_needs() -> None:
    progress = report(START + timedelta(hours=1), rows_done=3000, cores=8)
    assert silence(progress) == pytest.approx(3 * 600)  # seven others may come before it
    assert silence(replace(progress, rows_total=3500, pieces_total=7)) == pytest.approx(3 * 600 * 8)


def test_a_hung_row_is_no_stall() -> None:
    progress = report(START + timedelta(seconds=60), rows_done=3000)
    assert silence(progress) == 150.0
    assert silence(replace(progress, item_timeout=5.0)) == 30.0


def test_before_the_first_row_the_usual_silence_is_from_the_pace_of_the_plan() -> None:
    progress = report(START)
    assert last_advance(progress) is None
    assert silence(progress, PACE) == pytest.approx(3 * (20 + 500 * 4))
    assert silence(progress) == 3600.0


def test_a_start_has_the_time_that_starts_take() -> None:
    slow = replace(PACE, overhead_seconds=100.0, overhead_spread=20.0)
    assert expected_silence(Phase.STARTING, WorkProgress(), slow) == pytest.approx(360)
    assert expected_silence(Phase.STARTING, WorkProgress(), None) == 180.0


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.RETRYING, Phase.ENDED])
def test_no_rows_are_expected_of_a_task_that_does_not_work(phase: Phase) -> None:
    assert expected_silence(phase, WorkProgress(), None) is None


def test_the_pauses_of_the_attempt_before_do_not_count() -> None:
    progress = report(START + timedelta(hours=1), rows_done=3000, started_at=START + timedelta(hours=2))
    assert last_advance(progress) is None


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 3600.0),  # half the buffer of two hours
        ({"p90_seconds": 35_000.0}, 1000.0),  # then it no longer fits
        ({"p90_seconds": 40_000.0}, 3600.0),  # it never did, and there is another alert for that
        ({"p90_seconds": 35_999.0}, 30.0),
        ({"p90_seconds": None, "planned_at": None}, 3600.0),
        ({"alert_at": DEADLINE}, 30.0),
    ],
)
def test_how_long_it_may_wait(changes: dict[str, Any], seconds: float) -> None:
    assert queue_limit(replace(PLAN, **changes)) == pytest.approx(seconds)

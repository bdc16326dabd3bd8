"""A run as one poll finds it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from run_contract.files import read_json
from run_contract.layout import RunPaths, Workspace
from runtime_guard.alerting.levels import Phase
from runtime_guard.forecast.pace import Pace
from runtime_guard.forecast.run_status import (  # _limit
    expected_silence,
    find_phase,
    last_advance,
    queue_limit,
    read_status,
)
from tests.runtime_guard.runs import DEADLINE, PACE, START, plan, report


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    return Workspace(tmp_path).run("20260101T000000Z")


@pytest.mark.parametrize(
    ("state", "progress", "phase"),
    [
        (None, {}, Phase.WAITING),
        ("scheduled", {}, Phase.WAITING),
        ("queued", {"state": "predicting"}, Phase.WAITING),  # of an attempt before
        ("running", {}, Phase.STARTING),
        ("running", {"state": "starting"}, Phase.STARTING),
        ("running", {"state": "starting", "waiting": True}, Phase.WAITING),
        ("running", {"state": "predicting", "waiting": False}, Phase.PREDICTING),
        ("running", {"state": "failed"}, Phase.STARTING),
        ("running", {"state": "finished"}, Phase.ENDED),
        ("up_for_retry", {"state": "failed"}, Phase.PAUSING),
        ("success", {"state": "predicting"}, Phase.ENDED),
        ("failed", {"state": "predicting"}, Phase.ENDED),
    ],
)
def test_the_phase_is_told_by_airflow_and_by_the_driver(
    state: str | None, progress: dict[str, Any], phase: Phase
) -> None:
    assert find_phase(state, progress) == phase


def test_before_the_first_row_the_plan_says_when_it_will_end(run: RunPaths) -> None:
    plan(run)
    found = read_status(run, START, None)
    assert found.forecast is not None
    assert found.forecast.p50_seconds == pytest.approx(10_020, rel=0.01)
    assert found.observation.miss_probability == pytest.approx(0, abs=1e-6)
    late = read_status(run, DEADLINE - timedelta(hours=1), None)
    assert late.observation.miss_probability == pytest.approx(1, abs=1e-6)


def test_the_rows_that_are_carried_over_cost_nothing(run: RunPaths) -> None:
    plan(run, rows_to_predict=1000)
    found = read_status(run, START, "running")
    assert found.forecast is not None
    assert found.forecast.p50_seconds == pytest.approx(1020, rel=0.01)


def test_while_it_predicts_its_own_pace_says_when_it_will_end(run: RunPaths) -> None:
    plan(run)
    now = START + timedelta(hours=5)
    report(run, now, rows_done=3000)  # 6 s a row, where 1 s was planned
    found = read_status(run, now, "running")
    assert found.forecast is not None
    assert 28_000 < found.forecast.p50_seconds < 45_000
    assert found.observation.miss_probability is not None
    assert found.observation.miss_probability > 0.8
    assert (found.observation.phase, found.observation.last_advance, found.rows_done) == (Phase.PREDICTING, now, 3000)


def test_without_a_plan_there_is_neither_forecast_nor_deadline(run: RunPaths) -> None:
    found = read_status(run, START, "queued")
    assert (found.forecast, found.observation.deadline_at, found.observation.miss_probability) == (None, None, None)
    assert (found.observation.queue_limit, found.rows_total, found.rows_done) == (None, 0, 0)


def test_without_a_deadline_there_is_nothing_to_miss(run: RunPaths) -> None:
    plan(run, deadline_at=None, alert_at=None)
    found = read_status(run, START, "queued")
    assert found.forecast is not None
    assert (found.observation.miss_probability, found.observation.queue_limit) == (None, None)


def silence(run: RunPaths, pace: Pace | None = None) -> float | None:
    return expected_silence(Phase.PREDICTING, read_json(run.progress), pace)


def test_the_silence_that_is_usual_is_learnt_from_the_runs_own_pauses(run: RunPaths) -> None:
    now = START + timedelta(hours=1)
    report(run, now, rows_done=3000)  # a shard every ten minutes
    assert silence(run) == pytest.approx(3 * 600)
    assert silence(run, Pace.from_json(PACE)) == pytest.approx(3 * 600)
    assert last_advance(read_json(run.progress)) == now


def test_larger_shards_take_longer(run: RunPaths) -> None:
    report(run, START + timedelta(hours=1), rows_done=3000, rows_total=14_000 * 2 + 3000)
    assert silence(run) == pytest.approx(3 * 600 * 4)


def test_the_last_shard_has_the_time_that_one_core_needs(run: RunPaths) -> None:
    now = START + timedelta(hours=1)
    report(run, now, rows_done=3000, cores=8)
    assert silence(run) == pytest.approx(3 * 600)  # seven others may come before it
    report(run, now, rows_done=3000, cores=8, rows_total=3500, shards_total=7)
    assert silence(run) == pytest.approx(3 * 600 * 8)


def test_a_hung_image_is_no_stall(run: RunPaths) -> None:
    now = START + timedelta(seconds=60)
    report(run, now, rows_done=3000)
    assert silence(run) == 150.0
    report(run, now, rows_done=3000, image_timeout=5.0)
    assert silence(run) == 30.0


def test_before_the_first_row_the_pace_of_the_plan_says_what_is_usual(run: RunPaths) -> None:
    report(run, START)
    assert last_advance(read_json(run.progress)) is None
    assert silence(run, Pace.from_json(PACE)) == pytest.approx(3 * (20 + 500 * 4))
    assert silence(run) == 3600.0


def test_a_start_has_the_time_that_starts_take() -> None:
    slow = Pace.from_json({**PACE, "overhead_seconds": 100.0, "overhead_spread": 20.0})
    assert expected_silence(Phase.STARTING, {}, slow) == pytest.approx(360)
    assert expected_silence(Phase.STARTING, {}, None) == 180.0


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.PAUSING, Phase.ENDED])
def test_who_does_not_work_is_not_expected_to_be_heard(phase: Phase) -> None:
    assert expected_silence(phase, {}, None) is None


def test_the_attempt_before_says_nothing_of_the_pauses_of_this_one(run: RunPaths) -> None:
    report(run, START + timedelta(hours=1), rows_done=3000, started_at=(START + timedelta(hours=2)).isoformat())
    assert last_advance(read_json(run.progress)) is None


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 3600.0),  # half the buffer of two hours
        ({"p90_seconds": 35_000.0}, 1000.0),  # then it no longer fits
        ({"p90_seconds": 40_000.0}, 3600.0),  # it never did, and another alert says so
        ({"p90_seconds": 35_999.0}, 30.0),
        ({"p90_seconds": None, "planned_at": None}, 3600.0),
        ({"alert_at": DEADLINE.isoformat()}, 30.0),
    ],
)
def test_how_long_it_may_wait(changes: dict[str, Any], seconds: float, run: RunPaths) -> None:
    plan(run, **changes)
    assert queue_limit(read_json(run.plan)) == pytest.approx(seconds)

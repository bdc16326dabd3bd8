"""A thousand simulated runs, and in make nightly 5,000 others: does every miss raise an alert, early, and hardly any
other run?

The constants of runtime_guard.forecast were chosen on other seeds, from 100,000 on.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import pytest

from runtime_guard.alerting.levels import Level, WatchState, find_due_levels
from runtime_guard.forecast.finish import forecast_rest
from runtime_guard.forecast.pace import fit_pace
from runtime_guard.forecast.records import Phase, WorkState
from runtime_guard.forecast.run_status import Observation
from tests.runtime_guard.simulation import SimulatedRun, at, simulate

pytestmark = pytest.mark.slow

SEEDS = (range(1000), pytest.param(range(1000, 6000), marks=pytest.mark.nightly))
POLLS = 200
EARLY = 0.1  # the share of rows at which the forecast is compared with the finish


@dataclass(frozen=True)
class Watched:
    """A run and its alerts.

    raised: the share of the interval that was left at each level. error: of the P50 finish at 10% progress, as a share
    of the run's time. within_p90: whether the run ended within the P90 of that moment.
    """

    run: SimulatedRun
    raised: dict[Level, float]
    error: float | None
    within_p90: bool


def watch(run: SimulatedRun) -> Watched:
    """Poll the run with the sensor's forecast and levels until it or its interval ends."""
    pace = fit_pace(run.history)
    assert pace is not None
    raised: dict[Level, float] = {}
    watch_state, error, within_p90, early = WatchState(), None, False, run.when_done(EARLY)
    for seconds, progress in run.polls(run.deadline / POLLS):
        forecast = forecast_rest(pace, progress, at(seconds))
        assert forecast is not None
        observation = Observation(
            now=at(seconds),
            phase=Phase.WORKING if progress.state == WorkState.WORKING else Phase.STARTING,
            miss_probability=forecast.miss_probability(run.deadline - seconds),
            deadline_at=at(run.deadline),
        )
        for level in find_due_levels(watch_state, observation):
            raised.setdefault(level, 1 - seconds / run.deadline)
        if error is None and seconds >= early:
            error = (seconds + forecast.p50_seconds - run.finish) / (run.finish - run.submitted)
            within_p90 = run.finish <= seconds + forecast.p90_seconds
    return Watched(run, raised, error, within_p90)


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seeds: f"{len(seeds)} runs")
def watched(request: pytest.FixtureRequest) -> list[Watched]:
    return [watch(simulate(seed)) for seed in request.param]


@pytest.mark.parametrize("level", [Level.AT_RISK, Level.LATE])
def test_misses_raise_alerts_early_and_few_others_do(level: Level, watched: list[Watched]) -> None:
    misses = [one for one in watched if one.run.misses]
    others = [one for one in watched if not one.run.misses]
    recall = sum(level in one.raised for one in misses) / len(misses)
    false_alarms = sum(level in one.raised for one in others) / len(others)
    lead, lead_unplanned = (
        median(one.raised.get(level, 0.0) for one in misses if not (unplanned and "surge" in one.run.troubles))
        for unplanned in (False, True)
    )
    print(
        f"{level}: {len(misses)} of {len(watched)} runs miss; recall {recall:.4f}, false alarms {false_alarms:.2%} of "
        f"the others, median lead {lead:.0%} of the interval, {lead_unplanned:.0%} where the plan could not know"
    )
    assert len(misses) >= 50
    assert recall >= 0.99
    assert false_alarms <= 0.01
    assert lead >= 0.4
    assert lead_unplanned >= 0.4


def test_the_forecast_at_a_tenth_of_the_rows(watched: list[Watched]) -> None:
    errors = [one.error for one in watched if one.error is not None]
    covered = sum(one.within_p90 for one in watched) / len(errors)
    error, bias = median(map(abs, errors)), median(errors)
    print(f"P50 at 10%: median error {error:.1%}, bias {bias:+.1%}; {covered:.1%} of the runs end within P90")
    assert len(errors) >= 0.95 * len(watched)
    assert error <= 0.1
    assert abs(bias) <= 0.02
    assert 0.85 <= covered <= 0.97

"""The forecast of the finish, and its uncertainty."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from run_contract.manifest_layout import next_shard_rows
from runtime_guard.forecast.finish import Forecast, forecast_rest, forecast_run
from runtime_guard.forecast.pace import HISTORY_RUNS, fit_pace, pace_of_measurement
from runtime_guard.forecast.records import Pace, PastRun, Sample, WorkProgress, WorkState

START = datetime(2026, 1, 1, tzinfo=UTC)
PACE = Pace(core_seconds_per_row=0.1, cost_spread=0.1, overhead_seconds=20, overhead_spread=5, runs=10)


def past(cost: float, **changes: Any) -> PastRun:
    """Return a run of 1,000 rows on 4 cores at `cost` core seconds for each row, after 10 s of start-up."""
    return replace(PastRun(1000, 1000, 4, seconds=cost * 250 + 10, rows_per_second=4 / cost), **changes)


def fitted(*history: PastRun) -> Pace:
    pace = fit_pace(history)
    assert pace is not None
    return pace


def progress_of(seconds: float, rows: int, **changes: Any) -> WorkProgress:
    """Return the progress after `seconds` of work on a million rows with 10 cores, in even steps."""
    begun = START.timestamp() + 20
    samples = tuple(
        Sample(begun + seconds * step / 40, rows * step // 40, 10, next_shard_rows(rows * step // 40))
        for step in range(41)
    )
    counts = {"rows_total": 1_000_000, "rows_done": rows, "pieces_total": 286, "pieces_done": rows // 3500, "cores": 10}
    progress = WorkProgress(WorkState.WORKING, started_at=START, samples=samples)
    return replace(progress, **{**counts, **changes})


def rest_of(pace: Pace | None, seconds: float, rows: int, **changes: Any) -> Forecast:
    forecast = forecast_rest(pace, progress_of(seconds, rows, **changes), START + timedelta(seconds=20 + seconds))
    assert forecast is not None
    return forecast


def test_the_pace_of_equal_runs() -> None:
    pace = fitted(*[past(0.2)] * 8)
    assert (pace.core_seconds_per_row, pace.overhead_seconds) == pytest.approx((0.2, 10))
    assert pace.runs == 8


def test_outliers_move_neither_the_pace_nor_its_spread_much() -> None:
    usual = [past(cost) for cost in (0.19, 0.195, 0.2, 0.2, 0.2, 0.205, 0.21)]
    calm, shaken = fitted(*usual), fitted(*usual, past(2.0), past(1.5, seconds=10_000.0))
    assert shaken.core_seconds_per_row == pytest.approx(calm.core_seconds_per_row, rel=0.03)
    assert shaken.overhead_seconds == pytest.approx(calm.overhead_seconds, rel=0.01)
    assert shaken.cost_spread < 0.1


def test_the_cost_of_a_core_is_the_same_on_another_number_of_cores() -> None:
    on_eight = past(0.2, cores=8, rows_per_second=40.0, seconds=35.0)
    pace = fitted(past(0.2), on_eight, past(0.2), on_eight)
    assert (pace.core_seconds_per_row, pace.overhead_seconds) == pytest.approx((0.2, 10))
    assert fitted(on_eight).core_seconds_per_row == pytest.approx(0.2)


def test_copied_rows_cost_nothing() -> None:
    # 400 of 1,000 rows are new: 0.2 x 400 / 4 = 20 s of work, in which 1,000 rows were done.
    half_copied = past(0.2, new_rows=400, seconds=30.0, rows_per_second=50.0)
    assert fitted(half_copied).core_seconds_per_row == pytest.approx(0.2)
    assert fitted(half_copied).overhead_seconds == pytest.approx(10)


@pytest.mark.parametrize("new_rows", [0, 10])
def test_a_run_whose_rows_were_copied_does_not_count(new_rows: int) -> None:
    copied = past(5.0, new_rows=new_rows)
    assert fit_pace([copied]) is None
    assert fitted(copied, past(0.2)).core_seconds_per_row == pytest.approx(0.2)


@pytest.mark.parametrize("changes", [{"rows": 0, "new_rows": 0}, {"cores": 0}, {"seconds": 0.0}])
def test_a_run_without_figures_does_not_count(changes: dict[str, Any]) -> None:
    assert fit_pace([past(9.0, **changes)]) is None
    assert fitted(past(9.0, **changes), past(0.1)).core_seconds_per_row == pytest.approx(0.1)


def test_a_run_without_a_steady_rate_counts_on_the_whole() -> None:
    pace = fitted(PastRun(1000, 1000, 2, seconds=50.0))
    assert (pace.core_seconds_per_row, pace.overhead_seconds) == pytest.approx((0.1, 0))


def test_without_runs_there_is_no_pace() -> None:
    assert fit_pace([]) is None


def test_only_the_newest_runs_count() -> None:
    pace = fitted(*[past(9.0)] * 100, *[past(0.1)] * HISTORY_RUNS)
    assert (pace.core_seconds_per_row, pace.runs) == pytest.approx((0.1, HISTORY_RUNS))


def test_the_fewer_runs_the_wider_and_never_certain() -> None:
    spreads = [fitted(*[past(0.2)] * runs).cost_spread for runs in (1, 3, 10, HISTORY_RUNS)]
    assert spreads == sorted(spreads, reverse=True)
    assert pace_of_measurement(0.2).cost_spread > spreads[0]
    assert spreads[-1] > 0.02


def test_a_forecast_has_the_start_up_and_the_rows() -> None:
    forecast = forecast_run(PACE, 36_000, 4)
    assert forecast.p50_seconds == pytest.approx(920)
    assert forecast_run(PACE, 36_000, 8).p50_seconds == pytest.approx(470)
    assert forecast.p90_seconds == pytest.approx(20 + 900 * math.exp(1.2816 * 0.1), rel=0.001)
    assert forecast_run(PACE, 0, 8).p90_seconds == 20
    with pytest.raises(ValueError, match="cores must be above zero, found 0"):
        forecast_run(PACE, 36_000, 0)


def test_the_probability_of_a_miss_is_the_other_side_of_the_quantiles() -> None:
    forecast = Forecast(fixed_seconds=20, rest_seconds=900, spread=0.1)
    for p in (0.01, 0.1, 0.5, 0.9, 0.99):
        assert forecast.miss_probability(forecast.quantile(p)) == pytest.approx(1 - p)
    assert [forecast.miss_probability(seconds) for seconds in (0, -5, 10, 20)] == [1.0] * 4


def test_a_certain_forecast_misses_or_does_not() -> None:
    certain = Forecast(fixed_seconds=10, rest_seconds=90, spread=0)
    assert [certain.miss_probability(seconds) for seconds in (99, 100, 101)] == [1.0, 0.0, 0.0]
    assert Forecast(10, 0, 0).miss_probability(11) == 0


def test_before_the_first_row_the_forecast_is_from_history() -> None:
    starting: dict[str, Any] = {"state": WorkState.STARTING, "samples": ()}
    at_once = forecast_rest(PACE, progress_of(0, 0, **starting), START)
    later = forecast_rest(PACE, progress_of(0, 0, **starting), START + timedelta(seconds=12))
    much_later = forecast_rest(PACE, progress_of(0, 0, **starting), START + timedelta(seconds=500))
    assert at_once
    assert later
    assert much_later
    assert at_once.p50_seconds == pytest.approx(10_020)
    assert later.p50_seconds == pytest.approx(10_008)
    assert much_later.p50_seconds == pytest.approx(10_002)  # the start-up must end soon


def test_without_history_only_the_run_itself_counts() -> None:
    starting = progress_of(0, 0, state=WorkState.STARTING, samples=())
    assert forecast_rest(None, starting, START) is None
    assert forecast_rest(None, progress_of(50, 0), START + timedelta(seconds=70)) is None
    alone = rest_of(None, 5000, 500_000)
    assert alone.p50_seconds == pytest.approx(5000, rel=0.05)


@pytest.mark.parametrize("changes", [{"state": WorkState.FAILED}, {"rows_total": 0}, {"state": None}])
def test_some_progress_gives_no_forecast(changes: dict[str, Any]) -> None:
    assert forecast_rest(PACE, progress_of(5000, 500_000, **changes), START) is None


def test_a_finished_run_takes_no_more() -> None:
    done = forecast_rest(PACE, progress_of(5000, 1_000_000, state=WorkState.FINISHED), START)
    assert done is not None
    assert (done.p90_seconds, done.miss_probability(1)) == (0, 0)


def test_the_run_itself_outweighs_history_more_and_more() -> None:
    # It takes twice as long as usual: 20,000 s instead of 10,000.
    ratios = [
        rest_of(PACE, seconds, seconds * 50).p50_seconds / (20_000 - seconds) for seconds in (400, 2000, 6000, 12_000)
    ]
    assert ratios == sorted(ratios)
    assert ratios[0] < 0.75
    assert ratios[2] > 0.9
    assert ratios[-1] == pytest.approx(1, abs=0.05)


def test_the_forecast_gets_more_certain_with_progress() -> None:
    rests = [rest_of(PACE, seconds, seconds * 100) for seconds in (0, 1000, 4000, 8000)]
    margins = [rest.p90_seconds - rest.p50_seconds for rest in rests]
    assert margins == sorted(margins, reverse=True)
    assert margins[-1] < margins[0] / 4


def test_half_the_cores_lost_is_twice_the_rest_at_once() -> None:
    before, after = rest_of(PACE, 5000, 500_000), rest_of(PACE, 5000, 500_000, cores=5)
    assert after.rest_seconds / before.rest_seconds == pytest.approx(2, rel=0.05)


def test_workers_that_joined_shorten_the_rest() -> None:
    assert rest_of(PACE, 5000, 500_000, cores=20).p50_seconds < 0.6 * rest_of(PACE, 5000, 500_000).p50_seconds

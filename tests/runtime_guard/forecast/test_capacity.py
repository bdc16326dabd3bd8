"""How many cores and workers a run needs."""

from __future__ import annotations

import pytest

from runtime_guard.forecast.capacity import (
    cores_needed,
    days_to_catch_up,
    run_seconds,
    workers_needed,
    workers_needed_with_one_lost,
)

DAY = 86_400


def test_a_million_rows_of_a_second_take_one_core_eleven_days_and_a_day_fifteen_cores() -> None:
    assert run_seconds(1e6, 1.0, 1) / DAY == pytest.approx(11.57, abs=0.01)
    assert cores_needed(1e6, 1.0, 0.8 * DAY) == 15
    assert cores_needed(1e6, 1.0, DAY) == 12  # without the buffer
    assert workers_needed(1e6, 1.0, 0.8 * DAY, 2) == 8
    assert workers_needed_with_one_lost(1e6, 1.0, 0.8 * DAY, 2) == 9


@pytest.mark.parametrize(("seconds", "cores"), [(100, 1), (99, 2), (50, 2), (49.9, 3), (1e9, 1), (0, None), (-5, None)])
def test_the_fewest_cores_that_do_it(seconds: float, cores: int | None) -> None:
    assert cores_needed(1000, 0.1, seconds) == cores


def test_a_rounding_error_costs_no_core() -> None:
    assert cores_needed(3, 0.1, 0.1) == 3  # 3 * 0.1 / 0.1 is 3.0000000000000004


def test_the_overhead_does_not_shrink_with_the_cores() -> None:
    assert cores_needed(1000, 0.1, 60, overhead_seconds=10) == 2
    assert cores_needed(1000, 0.1, 60, overhead_seconds=11) == 3
    assert cores_needed(1000, 0.1, 60, overhead_seconds=60) is None
    assert run_seconds(1000, 0.1, 2, overhead_seconds=10) == pytest.approx(60)


@pytest.mark.parametrize(("cores_per_worker", "workers"), [(1, 15), (2, 8), (4, 4), (16, 1)])
def test_workers_are_whole(cores_per_worker: int, workers: int) -> None:
    assert workers_needed(1e6, 1.0, 0.8 * DAY, cores_per_worker) == workers
    assert workers_needed(1e6, 1.0, 0, cores_per_worker) is None
    assert workers_needed_with_one_lost(1e6, 1.0, 0, cores_per_worker) is None


@pytest.mark.parametrize("lost_after", [0.0, 0.3, 0.9])
def test_with_one_lost_the_others_still_do_it_whenever_it_goes(lost_after: float) -> None:
    limit, each = 0.8 * DAY, 2
    workers = workers_needed_with_one_lost(1e6, 1.0, limit, each)
    assert workers is not None

    def seconds(count: int) -> float:
        whole = run_seconds(1e6, 1.0, count * each)
        return whole * lost_after + whole * (1 - lost_after) * count / (count - 1)

    assert seconds(workers) <= limit
    if not lost_after:  # the worst moment: one worker fewer would not be enough
        assert seconds(workers - 1) > limit


@pytest.mark.parametrize(("backlog", "workers", "days"), [(3e6, 8, 28.3), (3e6, 16, 2.48), (3e6, 7, None), (0, 7, 0.0)])
def test_a_backlog_has_the_capacity_that_new_rows_leave(backlog: float, workers: int, days: float | None) -> None:
    # 8 workers do 16 * 69,120 s = 1,105,920 rows a day, and a million are new.
    assert days_to_catch_up(backlog, 1e6, workers, 2, 1.0, DAY, 0.2, 0.0) == pytest.approx(days, abs=0.05)


def test_a_backlog_of_hours_is_counted_in_days_and_the_overhead_in_every_run() -> None:
    # 0.8 h less 480 s leave 2,400 s an hour: 24 rows of 100 s, of which 12 are new.
    assert days_to_catch_up(288, 12, 1, 1, 100.0, 3600, 0.2, 480.0) == pytest.approx(1.0)

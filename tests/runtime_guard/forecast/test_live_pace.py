"""The pace of a run, from its samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from run_contract.manifest_layout import next_shard_rows
from runtime_guard.forecast.live_pace import attempt_samples, current_pace, track
from runtime_guard.forecast.records import Sample, WorkProgress

START = datetime(2026, 1, 1, tzinfo=UTC)
TOTAL = 1_000_000


def moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def report(*samples: tuple[float, int], cores: int = 10) -> WorkProgress:
    """Return the progress of (seconds since the attempt began, rows done)."""
    return WorkProgress(
        started_at=START,
        samples=sampled(samples, cores),
        rows_total=TOTAL,
        rows_done=samples[-1][1] if samples else 0,
        cores=cores,
    )


def sampled(samples: Iterable[tuple[float, int]], cores: int) -> tuple[Sample, ...]:
    return tuple(Sample(START.timestamp() + seconds, rows, cores, next_shard_rows(rows)) for seconds, rows in samples)


def steadily(until: int, rows_a_second: float, since: int = 0, rows: int = 0) -> list[tuple[float, int]]:
    """Return samples every 100 s of pieces of 4,096 rows at an even pace."""
    return [
        (float(seconds), rows + int((seconds - since) * rows_a_second) // 4096 * 4096)
        for seconds in range(since, until + 1, 100)
    ]


def test_the_pace_is_measured_from_step_to_step() -> None:
    progress = report((0, 0), (10, 0), (20, 4096), (30, 4096), (40, 8192))
    assert current_pace(progress, moment(40)) == pytest.approx(204.8)
    assert current_pace(progress, moment(55)) == pytest.approx(204.8)  # the next step is not overdue yet


def test_a_silence_counts_once_it_is_unusual() -> None:
    progress = report((0, 0), (20, 4096), (40, 8192))
    assert current_pace(progress, moment(100)) == pytest.approx(4096 / 60)
    paces = [current_pace(progress, moment(seconds)) or 0 for seconds in (100, 200, 400)]
    assert paces == sorted(paces, reverse=True)


def test_only_the_recent_pace_counts() -> None:
    fast = steadily(4000, 100)
    slow = steadily(8000, 25, since=4000, rows=fast[-1][1])
    assert current_pace(report(*fast, *slow), moment(8000)) == pytest.approx(25, rel=0.1)


@pytest.mark.parametrize("samples", [[], [(0.0, 0)], [(0.0, 0), (50.0, 0)]])
def test_before_the_first_piece_there_is_no_pace(samples: list[tuple[float, int]]) -> None:
    assert current_pace(report(*samples), moment(60)) is None
    assert track(report(*samples), moment(60), None, 0.5) is None


def test_an_earlier_attempt_and_the_pause_after_it_do_not_count() -> None:
    progress = report((-5000, 0), (-4000, 40_960), (0, 40_960), (20, 45_056), (40, 49_152))
    assert [sample.rows for sample in attempt_samples(progress)] == [40_960, 45_056, 49_152]
    assert current_pace(progress, moment(40)) == pytest.approx(204.8)
    where = track(progress, moment(40), None, 0.5)
    assert where is not None
    assert where.rate > 10


def test_a_steady_run_is_tracked_with_what_its_cores_have_in_hand() -> None:
    where = track(report(*steadily(4000, 100)), moment(4000), 10.0, 0.1)
    assert where is not None
    assert where.rate == pytest.approx(10, rel=0.06)
    assert TOTAL - where.rows_left == pytest.approx(400_000 + 5 * 4096, rel=0.02)  # half of ten pieces
    assert where.seconds_left == pytest.approx((TOTAL - 420_000) / 100 + 4096 / 10 / 2, rel=0.06)


def test_the_recent_rate_counts_more_than_that_of_the_whole_run() -> None:
    fast = steadily(5000, 100)
    slow = steadily(13_000, 40, since=5000, rows=fast[-1][1])
    where = track(report(*fast, *slow), moment(13_000), 10.0, 0.1)
    assert where is not None
    assert 3.5 < where.rate < 5  # 820,000 rows in 13,000 s are 6.3 a core


@pytest.mark.parametrize("usual", [20.0, 2.0, 1.0])
def test_a_usual_rate_that_is_far_off_is_given_up(usual: float) -> None:
    where = track(report(*steadily(6000, 40)), moment(6000), usual, 0.05)
    assert where is not None
    assert where.rate == pytest.approx(4, rel=0.15)


def test_a_silence_slows_the_run_down() -> None:
    samples = steadily(4000, 100)
    rates = [track(report(*samples), moment(seconds), 10.0, 0.1) for seconds in (4000, 6000, 9000, 90_000)]
    values = [where.rate for where in rates if where]
    assert values == sorted(values, reverse=True)
    assert 0 < values[-1] < 2


def test_no_core_at_all_is_a_silence_and_not_the_end() -> None:
    progress = report(*steadily(4000, 100))
    none = sampled([(4100.0, progress.rows_done)], 0)
    where = track(replace(progress, samples=progress.samples + none, cores=0), moment(6000), 10.0, 0.1)
    assert where is not None
    assert where.seconds_left > 5000


def test_what_lost_cores_had_in_hand_is_lost_and_the_others_are_no_slower() -> None:
    """Half of ten cores go after 4,000 s, and with them half of five pieces."""
    before = steadily(4000, 100)
    counted = before[-1][1]
    after = [(seconds, max(rows - 5 * 2048, counted)) for seconds, rows in steadily(5500, 50, 4000, counted)[1:]]
    progress = replace(report(*before, *after, cores=5), samples=sampled(before, 10) + sampled(after, 5))
    where = track(progress, moment(5500), 10.0, 0.1)
    assert where is not None
    assert where.rate == pytest.approx(10, rel=0.04)


def test_waiting_for_the_first_core_is_not_slowness() -> None:
    progress = report(*[(seconds + 5000, rows) for seconds, rows in steadily(4000, 100)])
    none = sampled([(float(seconds), 0) for seconds in range(0, 5000, 100)], 0)
    where = track(replace(progress, samples=none + progress.samples), moment(9000), None, 0.5)
    assert where is not None
    assert where.rate == pytest.approx(10, rel=0.15)
    none_yet = report((0, 0), (4000, 0), cores=0)
    assert track(none_yet, moment(4000), 10.0, 0.1) is None


@pytest.mark.parametrize("rows", [TOTAL, TOTAL + 1])
def test_a_run_whose_rows_are_all_there_takes_no_more(rows: int) -> None:
    where = track(report(*steadily(9600, 100), (9700.0, rows)), moment(9700), 10.0, 0.1)
    assert where is not None
    assert (where.rows_left, where.seconds_left, where.variance) == (0, 0, 0)


def test_while_the_last_pieces_are_at_work_the_end_is_that_of_the_last_one() -> None:
    samples = steadily(9600, 100)  # 958,464 rows: 41,536 are left, more than ten pieces have
    begun = [*samples, (9640.0, TOTAL - 40_000), (9700.0, TOTAL - 30_000)]
    where = track(report(*begun), moment(9700), 10.0, 0.1)
    assert where is not None
    assert where.seconds_left == pytest.approx(4096 / where.rate - 60, rel=0.05)
    piece_seconds = 4096 / where.rate
    straggling = track(report(*begun), moment(9640 + 2.8 * piece_seconds), 10.0, 0.1)
    assert straggling is not None
    assert straggling.seconds_left < piece_seconds  # slow, as some are, and not as long again as it is overdue
    much_later = track(report(*begun), moment(20_500), 10.0, 0.1)
    assert much_later is not None
    assert much_later.seconds_left > 5000


def test_one_piece_that_lingers_does_not_slow_the_others() -> None:
    samples = [*steadily(9600, 100), (9700.0, TOTAL - 30_000), (9900.0, TOTAL - 4096)]
    before, after = (track(report(*samples), moment(seconds), 10.0, 0.1) for seconds in (9900, 10_300))
    assert before is not None
    assert after is not None
    assert after.rate == pytest.approx(before.rate, rel=0.1)

"""Estimate how fast a run is, from its samples."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from runtime_guard.forecast.records import Sample, WorkProgress

# The standard deviation by which the rate of a core changes over the rows of one run, as a share.
DRIFT = 0.1
# More samples of the past hardly improve the estimate, and cost time at every poll.
OBSERVATIONS = 12
# current_pace uses this last share of the time since the first sample.
RECENT = 0.25
# If a run is this many standard errors from the usual rate, that rate is as uncertain as it was wrong.
GATE = 3.0
# The standard deviation of the time of a piece, as a share; a piece that is overdue needs about OVERDUE more.
TASK_SPREAD, OVERDUE = 0.1, 0.2
# Up to this many times the usual time a piece is only slow: a busy disk, or a machine with other work.
STRAGGLER = 3.0


class Point(NamedTuple):
    """A sample, and what follows from it.

    cores: those with work. core_seconds: since the point before. in_hand: rows of the pieces that the cores work on;
    piece_rows: of one of them. lost: rows that were done, not yet counted, and lost with the cores that left since the
    point before: half a piece for each.
    """

    seconds: float
    rows: float
    cores: float
    core_seconds: float
    in_hand: float
    piece_rows: float
    lost: float


@dataclass(frozen=True)
class Track:
    """The position of a run.

    rate: rows per second of one core. rows_left: the rows of unfinished pieces count in part. seconds_left: until the
    last piece is done, at this rate and with these cores; variance: of seconds_left.
    """

    rate: float
    rows_left: float
    seconds_left: float
    variance: float


def attempt_samples(progress: WorkProgress) -> Sequence[Sample]:
    """Return the samples of the newest attempt: between two attempts no rows are to be expected."""
    if progress.started_at is None:
        return progress.samples
    return progress.samples[bisect_left(progress.samples, progress.started_at.timestamp(), key=itemgetter(0)) :]


def current_pace(progress: WorkProgress, now: datetime) -> float | None:
    """Return the recent rows per second, over the last quarter of the attempt; None before its first piece is done.

    Rows come in steps, so the pace is measured from step to step. A silence counts as soon as it is longer than any
    pause between the steps of that time: from then on, the pace of a run that has stopped falls.
    """
    samples = attempt_samples(progress)
    steps = [*samples[:1], *(new for old, new in pairwise(samples) if new.rows > old.rows)]
    if len(steps) < 2:
        return None
    moment = now.timestamp()
    window_start = moment - RECENT * (moment - steps[0].seconds)
    first = max((index for index, step in enumerate(steps[:-1]) if step.seconds <= window_start), default=0)
    recent = steps[first:]
    pause = max(new.seconds - old.seconds for old, new in pairwise(recent))
    seconds = max(recent[-1].seconds, moment - pause) - recent[0].seconds
    return (recent[-1].rows - recent[0].rows) / seconds if seconds > 0 else None


def track(progress: WorkProgress, now: datetime, usual_rate: float | None, rate_spread: float) -> Track | None:
    """Return the position of the run at `now`; None before its first sample.

    usual_rate: rows per second of one core in earlier runs; `rate_spread`: its standard deviation as a share. Without
    a usual rate the result is None until the first piece is done.
    """
    samples = attempt_samples(progress)
    if not samples:
        return None
    total = float(progress.rows_total)
    points = _points(samples, now.timestamp(), progress.cores, total)
    last = points[-1]
    expected = _expected_rate(points, usual_rate, rate_spread)
    if not last.cores or not expected:
        return None
    rows, rate, variance = _filter(points, total, *expected)
    # The rows in hand that are not counted are not all done, whatever the rate suggests: of one piece, half.
    rows = min(max(rows, last.rows), last.rows + last.in_hand * last.cores / (last.cores + 1))
    piece_seconds = min(last.piece_rows, total - last.rows) / rate
    if (begun := _last_pieces_since(samples, total)) is not None:
        overdue = _overdue(last.seconds - begun, piece_seconds)
        seconds_left = max(piece_seconds - (last.seconds - begun), OVERDUE * piece_seconds, overdue)
        return Track(rate, total - rows, seconds_left, (TASK_SPREAD * piece_seconds) ** 2 + overdue**2)
    tail = piece_seconds / 2 * (1 - 1 / last.cores)  # cores without work wait for the last pieces
    return Track(rate, total - rows, (total - rows) / (rate * last.cores) + tail, variance / (rate * last.cores) ** 2)


def _expected_rate(points: list[Point], usual: float | None, spread: float) -> tuple[float, float] | None:
    """Return the rate that the filter starts from, and its variance; None without a usual rate and a finished piece."""
    start, last = points[0], points[-1]
    core_seconds = sum(point.core_seconds for point in points)
    if not core_seconds:
        return (usual, (spread * usual) ** 2) if usual else None
    if not usual and last.rows <= start.rows:
        return None
    seen = (last.rows + last.in_hand / 2 - start.rows) / core_seconds
    error = last.in_hand / math.sqrt(12) / core_seconds
    rate = usual or seen
    return rate, max((spread * rate) ** 2, (seen - rate) ** 2 - (GATE * error) ** 2)


def _filter(points: list[Point], total: float, first_rate: float, rate_variance: float) -> tuple[float, float, float]:
    """Return the rows done at the last point, the rate of a core then, and the variance of (rows left / rate), row^2.

    The Kalman filter of the local linear trend (Harvey, Forecasting, Structural Time Series Models and the Kalman
    Filter, 1989, 2.3): the rows grow by rate x core seconds, the rate is a random walk. Pieces count when they are
    done, so half of the rows in hand are done and not counted, wherever the cores are in their pieces; a uniform
    distribution between none and all has the variance of its square / 12.
    """
    rows, rate, rows_variance, covariance = points[0].rows, first_rate, 0.0, 0.0
    drift = (DRIFT * first_rate) ** 2 * first_rate / max(total, 1.0)  # of each core second
    before = points[0].seconds
    for seconds, counted, _, work, in_hand, piece_rows, lost in points[1:]:
        since, before = seconds - before, seconds
        if not work or not in_hand:
            continue
        rows += rate * work - lost
        rows_variance += lost * lost / 3 + 2 * work * covariance + work * work * rate_variance
        covariance += work * rate_variance
        rate_variance += drift * work
        # Samples within the time of one piece see the same step: together they count as one.
        reports = max(piece_rows / first_rate / since, 1.0)
        scale = rows_variance + in_hand * in_hand / 12 * reports
        surprise = counted + in_hand / 2 - rows
        rows, rate = rows + rows_variance / scale * surprise, rate + covariance / scale * surprise
        rate_variance -= covariance * covariance / scale
        covariance -= rows_variance * covariance / scale
        rows_variance -= rows_variance * rows_variance / scale
    rate = max(rate, first_rate / 100)  # after a long silence
    time_left = max(total - rows, 0.0) / rate
    variance = rows_variance + 2 * time_left * covariance + time_left * time_left * rate_variance
    return rows, rate, max(variance, 0.0)


def _points(samples: Sequence[Sample], moment: float, cores: float, total: float) -> list[Point]:
    """Return at most OBSERVATIONS of the samples, among them the first and the last, and a point for the present."""
    chosen = [*samples[: -1 : math.ceil(len(samples) / OBSERVATIONS)], samples[-1]]
    chosen.append(samples[-1]._replace(seconds=max(moment, samples[-1].seconds), cores=cores))
    known = before = 0.0
    points: list[Point] = []
    for seconds, counted, count, piece_rows in chosen:
        rows = min(counted, total)
        before, known = known, count or known  # no cores at all, after there were some, means no news of them
        busy = min(known, max((total - rows) / piece_rows, 1.0))
        old = points[-1] if points else Point(seconds, rows, busy, 0.0, 0.0, 0.0, 0.0)
        work = (seconds - old.seconds) * (old.cores + busy) / 2
        in_hand = min(busy * piece_rows, total - rows)
        lost = max(before - known, 0.0) * piece_rows / 2
        points.append(Point(seconds, rows, busy, work, in_hand, piece_rows, lost))
    return points


def _last_pieces_since(samples: Sequence[Sample], total: float) -> float | None:
    """Return since when a core works on every piece that is left; None while some pieces wait."""
    since = None
    for sample in reversed(samples):
        if total - sample.rows > sample.cores * sample.piece_rows:
            break
        since = sample.seconds
    return since


def _overdue(elapsed: float, piece_seconds: float) -> float:
    """Return how many more seconds an overdue piece is expected to take; 0 for one that is not overdue.

    A piece that is overdue for no known reason takes as long again as it is overdue: the median of a waiting time
    without a scale (Gott, Nature 363, 1993). An ordinary straggler has a scale.
    """
    overdue = max(elapsed - piece_seconds, 0.0)
    ordinary = STRAGGLER * piece_seconds - elapsed
    return min(overdue, ordinary) if ordinary > 0 else overdue

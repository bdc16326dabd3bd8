"""How fast a run goes, from what its driver has reported so far. Pure: no Airflow, no clock."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from run_contract.manifest_layout import FIRST_SHARD_ROWS, LAST_SHARD_ROWS, SHARDS_OF_ONE_SIZE

# The rate of a core wanders: so much, as a share, over the rows of one run (standard deviation).
DRIFT = 0.1
# More reports of the past than these say hardly more, and cost at every poll.
OBSERVATIONS = 12
# current_pace looks at this last share of the time since predicting began.
RECENT = 0.25
# A usual rate that a run has left behind by so many standard errors is as uncertain as it was wrong.
GATE = 3.0
# Tasks take so much more or less than others (standard deviation); one that is overdue needs about OVERDUE more.
TASK_SPREAD, OVERDUE = 0.1, 0.2
# Up to so many times what others take, a task is only slow: a busy disk, a machine that others use as well.
STRAGGLER = 3.0


class Sample(NamedTuple):
    """What the driver has reported: unix seconds, committed rows, cores."""

    seconds: float
    rows: float
    cores: float


class Point(NamedTuple):
    """A sample, and what follows from it. cores: those with work. core_seconds: since the point before.

    in_hand: rows of the shards that the cores work on; shard_rows: of one of them. lost: rows that were predicted and
    not yet counted, and went with the cores that left since the point before: half a shard each.
    """

    seconds: float
    rows: float
    cores: float
    core_seconds: float
    in_hand: float
    shard_rows: float
    lost: float


@dataclass(frozen=True)
class Track:
    """Where a run stands. rate: rows a second of one core. rows_left: those of unfinished shards count in part.

    seconds_left: until the last shard is there, at this rate and these cores; variance: of it.
    """

    rate: float
    rows_left: float
    seconds_left: float
    variance: float


def attempt_samples(progress: Mapping[str, Any]) -> list[Sequence[float]]:
    """(unix seconds, rows, cores) of the attempt that is at work; of it nothing was to be expected before it began."""
    since = datetime.fromisoformat(progress["started_at"]).timestamp() if progress.get("started_at") else -math.inf
    samples: list[Sequence[float]] = progress.get("samples") or []
    return samples[bisect_left(samples, since, key=itemgetter(0)) :]


def current_pace(progress: Mapping[str, Any], now: datetime) -> float | None:
    """Rows a second of late, over the last quarter of the attempt; None before its first shard.

    Rows come in steps, so it is measured from step to step. A silence counts once it is longer than any pause between
    steps of that time: the pace of a run that has stopped falls from then on.
    """
    samples = [Sample(*sample) for sample in attempt_samples(progress)]
    steps = samples[:1] + [new for old, new in pairwise(samples) if new.rows > old.rows]
    if len(steps) < 2:
        return None
    moment = now.timestamp()
    window_start = moment - RECENT * (moment - steps[0].seconds)
    first = max((index for index, step in enumerate(steps[:-1]) if step.seconds <= window_start), default=0)
    recent = steps[first:]
    pause = max(new.seconds - old.seconds for old, new in pairwise(recent))
    seconds = max(recent[-1].seconds, moment - pause) - recent[0].seconds
    return (recent[-1].rows - recent[0].rows) / seconds if seconds > 0 else None


def track(progress: Mapping[str, Any], now: datetime, usual_rate: float | None, rate_spread: float) -> Track | None:
    """Where the run stands at `now`; None before its first sample.

    usual_rate: rows a second of one core before anything of this run was seen, with `rate_spread` as a share of it;
    None before any history, and then the result is None until the first shard is there.
    """
    samples = attempt_samples(progress)
    if not samples:
        return None
    total = float(progress["rows_total"])
    points = _points(samples, now.timestamp(), progress.get("cores") or 0, total)
    last = points[-1]
    expected = _expected_rate(points, usual_rate, rate_spread)
    if not last.cores or not expected:
        return None
    rows, rate, variance = _filter(points, total, *expected)
    # What is in hand and not counted is not all done, whatever the rate says: of one shard, half.
    rows = min(max(rows, last.rows), last.rows + last.in_hand * last.cores / (last.cores + 1))
    shard_seconds = min(last.shard_rows, total - last.rows) / rate
    if (begun := _last_tasks_since(samples, total)) is not None:
        overdue = _overdue(last.seconds - begun, shard_seconds)
        seconds_left = max(shard_seconds - (last.seconds - begun), OVERDUE * shard_seconds, overdue)
        return Track(rate, total - rows, seconds_left, (TASK_SPREAD * shard_seconds) ** 2 + overdue**2)
    tail = shard_seconds / 2 * (1 - 1 / last.cores)  # the last tasks keep other cores waiting
    return Track(rate, total - rows, (total - rows) / (rate * last.cores) + tail, variance / (rate * last.cores) ** 2)


def _expected_rate(points: list[Point], usual: float | None, spread: float) -> tuple[float, float] | None:
    """The rate that the filter starts from and its variance; None when neither history nor a shard says anything."""
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
    """Rows predicted by the last point, the rate of a core then, and the variance of (rows left / rate), in row^2.

    The Kalman filter of the local linear trend (Harvey, Forecasting, Structural Time Series Models and the Kalman
    Filter, 1989, 2.3): the rows grow by rate x core seconds, the rate is a random walk. Shards are counted when they
    end, so half of what the cores have in hand is done and not counted, wherever in it they are; uniform between
    nothing and all, its variance is its square / 12.
    """
    rows, rate, rows_variance, covariance = points[0].rows, first_rate, 0.0, 0.0
    drift = (DRIFT * first_rate) ** 2 * first_rate / max(total, 1.0)  # a core second
    before = points[0].seconds
    for seconds, counted, _, work, in_hand, shard_rows, lost in points[1:]:
        since, before = seconds - before, seconds
        if not work or not in_hand:
            continue
        rows += rate * work - lost
        rows_variance += lost * lost / 3 + 2 * work * covariance + work * work * rate_variance
        covariance += work * rate_variance
        rate_variance += drift * work
        # Reports within the time of one shard see the same step: together they count as one.
        reports = max(shard_rows / first_rate / since, 1.0)
        scale = rows_variance + in_hand * in_hand / 12 * reports
        surprise = counted + in_hand / 2 - rows
        rows, rate = rows + rows_variance / scale * surprise, rate + covariance / scale * surprise
        rate_variance -= covariance * covariance / scale
        covariance -= rows_variance * covariance / scale
        rows_variance -= rows_variance * rows_variance / scale
    rate = max(rate, first_rate / 100)  # a long silence
    time_left = max(total - rows, 0.0) / rate
    variance = rows_variance + 2 * time_left * covariance + time_left * time_left * rate_variance
    return rows, rate, max(variance, 0.0)


def _points(samples: list[Sequence[float]], moment: float, cores: float, total: float) -> list[Point]:
    """At most OBSERVATIONS of the samples, with the first and the last, and the present."""
    chosen = samples[: -1 : math.ceil(len(samples) / OBSERVATIONS)] + samples[-1:]
    chosen.append((max(moment, chosen[-1][0]), chosen[-1][1], cores))
    known = before = 0.0
    points: list[Point] = []
    for seconds, counted, count in chosen:
        rows = min(counted, total)
        before, known = known, count or known  # none at all, after there were some, is a silence of those
        shard_rows = _shard_rows(rows)
        busy = min(known, max((total - rows) / shard_rows, 1.0))
        old = points[-1] if points else Point(seconds, rows, busy, 0.0, 0.0, 0.0, 0.0)
        work = (seconds - old.seconds) * (old.cores + busy) / 2
        in_hand = min(busy * shard_rows, total - rows)
        lost = max(before - known, 0.0) * shard_rows / 2
        points.append(Point(seconds, rows, busy, work, in_hand, shard_rows, lost))
    return points


def _last_tasks_since(samples: list[Sequence[float]], total: float) -> float | None:
    """Since when every shard that is left is being worked on; None while some wait."""
    since = None
    for seconds, rows, cores in reversed(samples):
        if total - rows > cores * _shard_rows(rows):
            break
        since = seconds
    return since


def _overdue(elapsed: float, shard_seconds: float) -> float:
    """The seconds that a task which should have ended is still expected to take; nothing before that.

    What is overdue for no known reason takes as long again as it is overdue: the median of a waiting time that has no
    scale of its own (Gott, Nature 363, 1993). A straggler of the ordinary kind has one.
    """
    overdue = max(elapsed - shard_seconds, 0.0)
    ordinary = STRAGGLER * shard_seconds - elapsed
    return min(overdue, ordinary) if ordinary > 0 else overdue


def _shard_rows(rows: float) -> float:
    """The size of the shard that follows the first `rows`: the manifest's shards double in size at first."""
    doublings = math.log2(rows / (SHARDS_OF_ONE_SIZE * FIRST_SHARD_ROWS) + 1)
    return float(min(FIRST_SHARD_ROWS * 2 ** int(doublings), LAST_SHARD_ROWS))

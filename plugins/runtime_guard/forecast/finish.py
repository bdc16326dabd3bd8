"""Forecast when a run will finish, with the uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist

from runtime_guard.forecast.live_pace import DRIFT, track
from runtime_guard.forecast.records import Pace, WorkProgress, WorkState

NO_HISTORY_SPREAD = 0.5
# The share of a run's overhead that comes after its last row.
END_SHARE = 0.1
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Forecast:
    """The time left: a fixed part and a log-normal one, with `rest_seconds` as its median and `spread` as the standard
    deviation of its logarithm."""

    fixed_seconds: float
    rest_seconds: float
    spread: float

    def quantile(self, p: float) -> float:
        """Return the seconds within which the run finishes with probability `p`, above 0 and below 1."""
        return self.fixed_seconds + self.rest_seconds * math.exp(self.spread * _NORMAL.inv_cdf(p))

    @property
    def p50_seconds(self) -> float:
        return self.quantile(0.5)

    @property
    def p90_seconds(self) -> float:
        return self.quantile(0.9)

    def miss_probability(self, seconds_left: float) -> float:
        """Return the probability that the run takes longer than `seconds_left`; 1.0 when no time is left."""
        room = seconds_left - self.fixed_seconds
        if seconds_left <= 0 or room < 0:
            return 1.0
        if not room or not self.rest_seconds or not self.spread:
            return float(room < self.rest_seconds)
        return _NORMAL.cdf(-math.log(room / self.rest_seconds) / self.spread)


def forecast_run(pace: Pace, rows: int, cores: int) -> Forecast:
    """Return the forecast before a run starts: overhead + rows x cost / cores. Raises ValueError without cores."""
    if cores <= 0:
        raise ValueError(f"cores must be above zero, found {cores}")
    return _forecast(
        pace.overhead_seconds, rows * pace.core_seconds_per_row / cores, pace.overhead_spread**2, pace.cost_spread
    )


def forecast_rest(pace: Pace | None, progress: WorkProgress, now: datetime) -> Forecast | None:
    """Return the forecast of a run in progress; None while there is neither history nor a measured rate, and after a
    failure.

    At first the pace of earlier runs has the most weight, later the run's own samples, the newest of them most. The
    run is assumed to keep the cores that it has at `now`.
    """
    if progress.state == WorkState.FINISHED:
        return Forecast(0.0, 0.0, 0.0)
    if progress.state == WorkState.STARTING:
        return _forecast_start(pace, progress, now)
    if progress.state != WorkState.WORKING or not progress.rows_total:
        return None
    usual_rate = _usual_rate(pace, progress) if pace else None
    where = track(progress, now, usual_rate, pace.cost_spread if pace else NO_HISTORY_SPREAD)
    if where is None:
        return _forecast_start(pace, progress, now)
    drift = DRIFT * math.sqrt(where.rows_left / progress.rows_total / 3)  # a random walk's mean over the rows left
    fixed = END_SHARE * pace.overhead_seconds if pace else 0.0
    return _forecast(fixed, where.seconds_left, where.variance, drift)


def _usual_rate(pace: Pace, progress: WorkProgress) -> float:
    """Return the rows per second of a core at work.

    The cost of past runs includes the time in which cores wait for the last pieces, half a piece for each core.
    """
    waiting = progress.cores / max(progress.pieces_total, 1) / 2
    return (1 + waiting) / pace.core_seconds_per_row


def _forecast_start(pace: Pace | None, progress: WorkProgress, now: datetime) -> Forecast | None:
    """Return the forecast while no row is done: the rest of the usual start-up, and all of the work."""
    if pace is None or not progress.rows_total or not progress.cores:
        return None
    elapsed = (now - progress.started_at).total_seconds() if progress.started_at else 0.0
    whole = forecast_run(pace, progress.rows_total - progress.rows_done, progress.cores)
    fixed = max(whole.fixed_seconds - elapsed, END_SHARE * whole.fixed_seconds)
    return Forecast(fixed, whole.rest_seconds, whole.spread)


def _forecast(fixed: float, rest: float, variance: float, log_spread: float) -> Forecast:
    """Return a forecast whose `rest` has a variance (square seconds) beside the proportional `log_spread`.

    A log-normal with the coefficient of variation v has the log spread sqrt(log(1 + v^2)).
    """
    extra = math.log1p(variance / rest**2) if rest else 0.0
    return Forecast(fixed, rest, math.sqrt(log_spread**2 + extra))

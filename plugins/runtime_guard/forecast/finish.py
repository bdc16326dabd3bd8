"""When a run will end, and how sure that is. Pure: no Airflow, no clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist
from typing import Any

from runtime_guard.forecast.live_pace import DRIFT, current_pace, track
from runtime_guard.forecast.pace import Pace, fit_pace, pace_of_measurement

__all__ = ["Forecast", "Pace", "current_pace", "fit_pace", "forecast_rest", "forecast_run", "pace_of_measurement"]
NO_HISTORY_SPREAD = 0.5
# Of a run's overhead this share comes after its last image.
END_SHARE = 0.1
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Forecast:
    """The time still to go: a fixed part and a log-normal one, with `rest_seconds` as its median and `spread` as the
    standard deviation of its logarithm."""

    fixed_seconds: float
    rest_seconds: float
    spread: float

    def quantile(self, p: float) -> float:
        """The seconds within which the run ends with probability `p`, above 0 and below 1."""
        return self.fixed_seconds + self.rest_seconds * math.exp(self.spread * _NORMAL.inv_cdf(p))

    @property
    def p50_seconds(self) -> float:
        return self.quantile(0.5)

    @property
    def p90_seconds(self) -> float:
        return self.quantile(0.9)

    def miss_probability(self, seconds_left: float) -> float:
        """That the run takes longer than `seconds_left`; 1.0 when nothing is left."""
        room = seconds_left - self.fixed_seconds
        if seconds_left <= 0 or room < 0:
            return 1.0
        if not room or not self.rest_seconds or not self.spread:
            return float(room < self.rest_seconds)
        return _NORMAL.cdf(-math.log(room / self.rest_seconds) / self.spread)


def forecast_run(pace: Pace, rows: int, cores: int) -> Forecast:
    """Before predict begins: start-up + rows x cost / cores. Raises ValueError without cores."""
    if cores <= 0:
        raise ValueError(f"cores must be above zero, found {cores}")
    return _forecast(
        pace.overhead_seconds, rows * pace.core_seconds_per_row / cores, pace.overhead_spread**2, pace.cost_spread
    )


def forecast_rest(pace: Pace | None, progress: Mapping[str, Any], now: datetime) -> Forecast | None:
    """While predict is at work, from its progress.json; None while neither history nor the run itself says anything,
    and for a run that failed.

    What history expects weighs most at first, the run's own samples ever more, the newest of them most. The cores are
    those of now.
    """
    state = progress.get("state")
    if state == "finished":
        return Forecast(0.0, 0.0, 0.0)
    if state == "starting":
        return _forecast_start(pace, progress, now)
    if state != "predicting" or not progress.get("rows_total"):
        return None
    usual_rate = _usual_rate(pace, progress) if pace else None
    where = track(progress, now, usual_rate, pace.cost_spread if pace else NO_HISTORY_SPREAD)
    if where is None:
        return _forecast_start(pace, progress, now)
    drift = DRIFT * math.sqrt(where.rows_left / progress["rows_total"] / 3)  # a random walk's mean over what is left
    fixed = END_SHARE * pace.overhead_seconds if pace else 0.0
    return _forecast(fixed, where.seconds_left, where.variance, drift)


def _usual_rate(pace: Pace, progress: Mapping[str, Any]) -> float:
    """Rows a second of a core at work. In the cost of past runs cores also wait for the last, half a shard each."""
    waiting: float = progress["cores"] / max(progress["shards_total"], 1) / 2
    return (1 + waiting) / pace.core_seconds_per_row


def _forecast_start(pace: Pace | None, progress: Mapping[str, Any], now: datetime) -> Forecast | None:
    """Nothing is predicted yet: what is left of the usual start-up, and all of the rest."""
    if pace is None or not progress.get("rows_total") or not progress.get("cores"):
        return None
    elapsed = (now - datetime.fromisoformat(progress["started_at"])).total_seconds()
    whole = forecast_run(pace, progress["rows_total"] - progress["rows_done"], progress["cores"])
    fixed = max(whole.fixed_seconds - elapsed, END_SHARE * whole.fixed_seconds)
    return Forecast(fixed, whole.rest_seconds, whole.spread)


def _forecast(fixed: float, rest: float, variance: float, log_spread: float) -> Forecast:
    """variance: of `rest`, square seconds, beside the `log_spread` that it has in proportion.

    A log-normal with the coefficient of variation v has the log spread sqrt(log(1 + v^2)).
    """
    extra = math.log1p(variance / rest**2) if rest else 0.0
    return Forecast(fixed, rest, math.sqrt(log_spread**2 + extra))

"""What a row costs, from the runs before. Pure: no Airflow, no clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

HISTORY_RUNS = 20
# Below this share of newly predicted rows a run's time is that of its carried rows.
PREDICTED_SHARE = 0.2
# What one expects of spreads before there are runs to tell, and how many runs that is worth.
COST_SPREAD, OVERHEAD_SHARE_SPREAD, PRIOR_RUNS = 0.15, 0.3, 2
MEASUREMENT_SPREAD, MEASUREMENT_OVERHEAD_SECONDS = 0.3, 15.0


@dataclass(frozen=True)
class Pace:
    """What is known before a run.

    core_seconds_per_row: median cost of one newly predicted row on one core, without start-up and end;
    cost_spread: standard deviation of its logarithm from run to run. overhead_seconds, overhead_spread: start-up
    and end of a run, and their standard deviation. runs: how many it rests on, 0 for a calibration.
    """

    core_seconds_per_row: float
    cost_spread: float
    overhead_seconds: float
    overhead_spread: float
    runs: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Pace:
        return cls(**record)


def fit_pace(history: Iterable[Mapping[str, Any]], engine: str, precision: str) -> Pace | None:
    """The pace of the newest runs with this engine ("auto" takes any) and precision; None when there is none.

    Medians, and spreads from the median absolute deviation, which outliers do not move (Huber, Robust Statistics,
    1981, 5.1).
    """
    runs = [run for run in history if engine in ("auto", run["engine"]) and run["precision"] == precision]
    measured = [figures for run in runs if (figures := _cost_and_overhead(run))][-HISTORY_RUNS:]
    if not measured:
        return None
    log_costs = [math.log(cost) for cost, _ in measured]
    overheads = [overhead for _, overhead in measured if overhead is not None] or [0.0]
    return Pace(
        core_seconds_per_row=math.exp(median(log_costs)),
        cost_spread=_predictive_spread(log_costs, COST_SPREAD),
        overhead_seconds=median(overheads),
        overhead_spread=_predictive_spread(overheads, OVERHEAD_SHARE_SPREAD * median(overheads)),
        runs=len(measured),
    )


def _cost_and_overhead(run: Mapping[str, Any]) -> tuple[float, float | None] | None:
    """Core seconds for a newly predicted row, and seconds of start-up and end; None for a run that says nothing."""
    rows, cores, seconds = run["rows"], run["cores"], run["predict_seconds"]
    predicted = run.get("newly_predicted", rows - run.get("carried_over", 0))
    if not (rows and cores and seconds) or predicted < PREDICTED_SHARE * rows:
        return None
    steady = run.get("steady_images_per_second")
    if not steady:
        return seconds * cores / predicted, None
    working = rows / steady  # carried rows are in the steady rate, and take next to no time
    return working * cores / predicted, max(seconds - working, 0.0)


def _predictive_spread(values: list[float], prior: float) -> float:
    """The standard deviation of the next value: that of the past ones, blended with `prior` while they are few.

    The variance is the mean of a scaled inverse chi-squared posterior, and the median itself is uncertain by
    1 / runs of it (Gelman et al., Bayesian Data Analysis, 3rd edition, 2.6 and 3.2).
    """
    middle = median(values)
    seen = 1.4826 * median(abs(value - middle) for value in values)
    runs = len(values)
    variance = (PRIOR_RUNS * prior**2 + runs * seen**2) / (PRIOR_RUNS + runs)
    return math.sqrt(variance * (1 + 1 / runs))


def pace_of_measurement(core_seconds_per_row: float) -> Pace:
    """Before any history: the cost measured on a sample of the manifest, on one core; the spreads are wide."""
    overhead = MEASUREMENT_OVERHEAD_SECONDS
    return Pace(core_seconds_per_row, MEASUREMENT_SPREAD, overhead, overhead / 2, 0)

"""Estimate what a row costs, from the runs before."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median

from runtime_guard.forecast.records import Pace, PastRun

HISTORY_RUNS = 20
# A run with a smaller share of new rows spent its time on the copied ones.
NEW_SHARE = 0.2
# The spreads that are assumed before there are runs, and the number of runs that this assumption is worth.
COST_SPREAD, OVERHEAD_SHARE_SPREAD, PRIOR_RUNS = 0.15, 0.3, 2
MEASUREMENT_SPREAD, MEASUREMENT_OVERHEAD_SECONDS = 0.3, 15.0


def fit_pace(history: Iterable[PastRun]) -> Pace | None:
    """Return the pace of the newest runs of `history`, or None if none of them can be used.

    Medians, and spreads from the median absolute deviation, which outliers do not move (Huber, Robust Statistics,
    1981, 5.1).
    """
    measured = [figures for run in history if (figures := _cost_and_overhead(run))][-HISTORY_RUNS:]
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


def _cost_and_overhead(run: PastRun) -> tuple[float, float | None] | None:
    """Return the core seconds of a new row, and the seconds of start-up and end; None for a run that cannot be used."""
    if not (run.rows and run.cores and run.seconds) or run.new_rows < NEW_SHARE * run.rows:
        return None
    if not run.rows_per_second:
        return run.seconds * run.cores / run.new_rows, None
    working = run.rows / run.rows_per_second  # copied rows count in this rate, and take next to no time
    return working * run.cores / run.new_rows, max(run.seconds - working, 0.0)


def _predictive_spread(values: list[float], prior: float) -> float:
    """Return the standard deviation of the next value: that of the past ones, blended with `prior` while they are few.

    The variance is the mean of a scaled inverse chi-squared posterior, and the median itself is uncertain by
    1 / runs of it (Gelman et al., Bayesian Data Analysis, 3rd edition, 2.6 and 3.2).
    """
    middle = median(values)
    seen = 1.4826 * median(abs(value - middle) for value in values)
    runs = len(values)
    variance = (PRIOR_RUNS * prior**2 + runs * seen**2) / (PRIOR_RUNS + runs)
    return math.sqrt(variance * (1 + 1 / runs))


def pace_of_measurement(core_seconds_per_row: float) -> Pace:
    """Return the pace before any history, from the cost of a row measured on one core; its spreads are wide."""
    overhead = MEASUREMENT_OVERHEAD_SECONDS
    return Pace(core_seconds_per_row, MEASUREMENT_SPREAD, overhead, overhead / 2, 0)

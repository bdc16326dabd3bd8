"""What the page of all runs shows: the part of its interval that a run uses, and the trend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import correlation, linear_regression, median
from typing import NamedTuple

from run_contract.formatting import UNKNOWN, change, count, duration, rate, rough_share, share
from run_contract.records.history import HistoryRecord
from runs_page.headline import Headline
from runs_page.plots.series import interval_seconds, per_core, run_name

TREND_RUNS, FEWEST_FOR_TREND = 30, 5
CLEAR_TREND = 0.7
"""Of the correlation; less is scatter."""
FAR = 60
"""In runs; what is further ahead is not reported."""
TIGHT = 0.8


class HistoryRow(NamedTuple):
    """A run in the table. run_id: empty where Airflow no longer has the run. cells: of COLUMNS."""

    name: str
    run_id: str
    verdict: str
    cells: tuple[str, ...]


COLUMNS = (
    "images", "errors", "prediction time", "share of interval", "images/s per core", "accuracy", "forecast error"
)  # fmt: skip


def make_history_headline(history: Sequence[HistoryRecord]) -> Headline:
    """Return the trend toward the deadline."""
    shares = [used for record in history[-TREND_RUNS:] if (used := used_share(record))]
    if not shares:
        return Headline("neutral", "Waiting", "No run had a deadline" if history else "No run has finished yet")
    title = f"The newest run used {rough_share(shares[-1])} of its interval"
    usual, most = rough_share(median(shares)), rough_share(max(shares))
    compared = f"The last {len(shares)} runs used {usual} (median), {most} at most."
    compared = compared if len(shares) > 1 else "There is no earlier run to compare it with."
    if shares[-1] >= 1:
        return Headline("bad", "Too slow", title, (compared,))
    ahead = runs_until_full(shares)
    if ahead is not None:
        trend = f"If the growth continues, a run will take its whole interval in about {count(ahead, 'run')}."
        return Headline("warn", "Growing", title, (compared, trend))
    if shares[-1] > TIGHT:
        return Headline("warn", "Tight", title, (compared,))
    return Headline("good", "On time", title, (compared,))


def used_share(record: HistoryRecord) -> float | None:
    """Return the share of its interval that a run spent in predict; None when that is not known."""
    interval = interval_seconds(record)
    return record.predict_seconds / interval if interval and record.predict_seconds > 0 else None


def runs_until_full(shares: Sequence[float]) -> int | None:
    """Return in how many runs the share reaches 1 if it keeps growing at its exponential rate.

    None without a clear growth, and when it is further away than FAR runs.
    """
    if len(shares) < FEWEST_FOR_TREND or shares[-1] >= 1:
        return None
    runs, logs = range(len(shares)), [math.log(used) for used in shares]
    if min(logs) == max(logs) or correlation(runs, logs) < CLEAR_TREND:
        return None
    slope, intercept = linear_regression(runs, logs)
    ahead = -intercept / slope - (len(shares) - 1)
    return max(math.ceil(ahead), 1) if ahead <= FAR else None


def make_history_rows(history: Sequence[HistoryRecord], run_ids: Mapping[str, str]) -> list[HistoryRow]:
    """Return the rows of the table, the newest run first. run_ids: Airflow's ids by run key."""
    return [_row(record, run_ids.get(record.run_key, "")) for record in reversed(history)]


def _row(record: HistoryRecord, run_id: str) -> HistoryRow:
    cells = (
        count(record.rows),
        rough_share(record.errors / record.rows if record.rows else 0.0),
        duration(record.predict_seconds) if record.predict_seconds else UNKNOWN,
        rough_share(used_share(record)),
        rate(per_core(record)),
        share(record.accuracy),
        change(record.forecast_error),
    )
    return HistoryRow(run_name(record.run_key), run_id, record.verdict, cells)

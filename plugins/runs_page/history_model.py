"""All runs: how far they are from their interval, and where that leads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import correlation, linear_regression, median
from typing import Any, NamedTuple

from runs_page.headline import Headline
from runs_page.plots.series import interval_seconds, per_core, run_name
from runs_page.records import unless_damaged
from runs_page.wording import UNKNOWN, count, length, share

TREND_RUNS, FEWEST_FOR_TREND = 30, 5
CLEAR_TREND = 0.7
"""Correlation; what is less is scatter."""
FAR = 60
"""Runs ahead; what is further off is no news."""
TIGHT = 0.8


class Row(NamedTuple):
    """A run in the table; run_id is empty where Airflow no longer knows it."""

    name: str
    run_id: str
    verdict: str
    cells: tuple[str, ...]


COLUMNS = ("images", "errors", "predict took", "of its interval", "images/s of a core", "accuracy", "forecast error")


def used_share(line: Mapping[str, Any]) -> float | None:
    """The share of its interval that the run has used for predicting."""
    interval = interval_seconds(line)
    return line["predict_seconds"] / interval if interval and line["predict_seconds"] else None


_used_share = unless_damaged(None)(used_share)


def make_history_headline(lines: Sequence[Mapping[str, Any]]) -> Headline:
    """The trend toward the deadline, in a sentence."""
    shares = [used for line in lines[-TREND_RUNS:] if (used := _used_share(line))]
    if not shares:
        return Headline("neutral", "Waiting", "No run has ended yet" if not lines else "No run had a deadline")
    usual = (
        f"The last {len(shares)} runs used {_percent(median(shares))} of it (median), {_percent(max(shares))} at most."
    )
    usual = usual if len(shares) > 1 else "There is no run before it to compare with."
    title = f"The newest run used {_percent(shares[-1])} of its interval"
    ahead = runs_until_full(shares)
    if shares[-1] >= 1:
        return Headline("bad", "Too slow", title, (usual,))
    if ahead is not None:
        return Headline("warn", "Growing", title, (f"{usual} At this trend it is full in about {ahead} runs.",))
    if shares[-1] > TIGHT:
        return Headline("warn", "Tight", title, (usual,))
    return Headline("good", "On time", title, (usual,))


def runs_until_full(shares: Sequence[float]) -> int | None:
    """After how many more runs the interval is used up if they grow as they did; None when that is far away."""
    if len(shares) < FEWEST_FOR_TREND or shares[-1] >= 1:
        return None
    runs, logs = range(len(shares)), [math.log(used) for used in shares]
    if min(logs) == max(logs) or correlation(runs, logs) < CLEAR_TREND:
        return None
    slope, intercept = linear_regression(runs, logs)
    ahead = -intercept / slope - (len(shares) - 1)
    return max(math.ceil(ahead), 1) if ahead <= FAR else None


def make_history_rows(lines: Sequence[Mapping[str, Any]], run_ids: Mapping[str, str]) -> list[Row]:
    """The newest first. run_ids: those of Airflow by run key."""
    return [row for line in reversed(lines) if (row := _row(line, run_ids))]


@unless_damaged(None)
def _row(line: Mapping[str, Any], run_ids: Mapping[str, str]) -> Row:
    key = str(line["run_key"])
    core, used, error = (
        per_core(line) if line.get("steady_images_per_second") else None,
        _used_share(line),
        line.get("forecast_error"),
    )
    cells = (
        count(line["rows"]),
        share(line["errors"] / line["rows"] if line["rows"] else 0),
        length(line["predict_seconds"]) if line["predict_seconds"] else UNKNOWN,
        _percent(used) if used else UNKNOWN,
        UNKNOWN if core is None else f"{core:,.4g}",
        share(line.get("accuracy")),
        UNKNOWN if error is None else f"{100 * error:+.0f}%",
    )
    return Row(run_name(key), run_ids.get(key, ""), str(line["verdict"]), cells)


def _percent(part: float) -> str:
    """With two digits that count, however small."""
    return f"{100 * part:.0f}%" if part >= 0.1 else f"{100 * part:.2g}%"

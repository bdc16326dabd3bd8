"""When a run will end. Pure: no Airflow, no clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from statistics import median
from typing import Any

HISTORY_RUNS = 20


def core_seconds_per_row(history: Iterable[Mapping[str, Any]], engine: str, precision: str) -> float | None:
    """The median cost of one row over the last runs with this engine and precision, start-up in it.

    engine: "auto" takes the runs of any engine. None when there is no such run.
    """
    costs = [
        run["predict_seconds"] * run["cores"] / run["rows"]
        for run in history
        if run["rows"] and run["predict_seconds"] and run["cores"]
        if engine in ("auto", run["engine"]) and run["precision"] == precision
        if not run.get("carried_over")  # its rows cost next to nothing, and say nothing of those to come
    ]
    return median(costs[-HISTORY_RUNS:]) if costs else None


def predict_seconds(rows: int, seconds_per_row: float, cores: int) -> float:
    return rows * seconds_per_row / cores


def cores_needed(rows: int, seconds_per_row: float, seconds: float) -> int | None:
    """The fewest cores that get through `rows` in `seconds`; None when there is no time left at all."""
    return max(math.ceil(rows * seconds_per_row / seconds), 1) if seconds > 0 else None


def project_finish(progress: Mapping[str, Any] | None) -> datetime | None:
    """When predict will end at the pace that the driver reports; None while there is no pace."""
    if not progress or progress.get("state") != "predicting" or progress.get("eta_seconds") is None:
        return None
    return datetime.fromisoformat(progress["updated_at"]) + timedelta(seconds=progress["eta_seconds"])

"""Plan a run: will it fit into its interval, how sure is that, and what would it take?"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from batch_predictions.spark_master import Capacity
from run_contract.errors import BatchPredictionsError
from run_contract.files import read_json, read_json_lines, write_json
from run_contract.layout import RunPaths, Workspace
from runtime_guard.forecast.capacity import cores_needed, workers_needed, workers_needed_with_one_lost
from runtime_guard.forecast.finish import forecast_run
from runtime_guard.forecast.interval import RunInterval
from runtime_guard.forecast.pace import HISTORY_RUNS, Pace, fit_pace, pace_of_measurement

log = logging.getLogger(__name__)


def make_plan(
    workspace: Workspace,
    run: RunPaths,
    run_interval: RunInterval | None,
    capacity: Capacity | None,
    params: Mapping[str, Any],
    model_id: str,
    now: datetime,
    run_after: datetime,
    run_type: str,
    measure: Callable[[], float | None] = lambda: None,
) -> dict[str, Any]:
    """Writes plan.json and returns it; docs/data-contract.md describes it.

    run_interval: None when the run has no deadline. capacity: what the run may use, None when the cluster does not say.
    model_id: only runs with the same model tell what a row costs.
    measure: the core seconds of a row, asked for only when there is a deadline and the history says nothing.
    Raises BatchPredictionsError when there is no manifest.
    """
    manifest = read_json(run.manifest_summary)
    if manifest is None:
        raise BatchPredictionsError(f"run {run.run_key}: it has no manifest; run the task manifest first")
    history = [line for line in read_json_lines(workspace.history) if line["model"] == model_id]
    rows = rows_to_predict(manifest["rows"], history, params["only_new"])
    pace, pace_from = find_pace(history, params, measure if run_interval else lambda: None)
    plan = {
        "run_key": run.run_key,
        "run_type": run_type,
        "run_after": run_after.isoformat(),
        "planned_at": now.isoformat(),
        "rows": manifest["rows"],
        "rows_to_predict": rows,
        "shards": manifest["shards"],
        "workers": capacity.workers if capacity else None,
        "cores": capacity.cores if capacity else None,
        "cores_per_worker": capacity.executor_cores if capacity else None,
        "starts_at": run_interval.starts_at.isoformat() if run_interval else None,
        "deadline_at": run_interval.deadline_at.isoformat() if run_interval else None,
        "alert_at": run_interval.alert_at.isoformat() if run_interval else None,
        "pace": pace.to_json() if pace else None,
        "pace_from": pace_from,
        "core_seconds_per_row": pace.core_seconds_per_row if pace else None,
        **_when_it_ends(pace, rows, run_interval, capacity, now),
        **_what_it_takes(pace, rows, run_interval, capacity, now),
    }
    write_json(run.plan, plan)
    log.log(logging.WARNING if plan["fits"] is False else logging.INFO, "plan: %s", describe(plan))
    return plan


def rows_to_predict(rows: int, history: Iterable[Mapping[str, Any]], only_new: bool) -> int:
    """Those that will not be carried over, by their share in earlier runs that carried some; all without such a run."""
    shares = [run["newly_predicted"] / run["rows"] for run in history if run.get("carried_over") and run["rows"]]
    return math.ceil(rows * median(shares[-HISTORY_RUNS:])) if only_new and shares else rows


def find_pace(
    history: Iterable[Mapping[str, Any]], params: Mapping[str, Any], measure: Callable[[], float | None]
) -> tuple[Pace | None, str | None]:
    """What is known of the pace, and whether that is from "history" or a "measurement"."""
    if pace := fit_pace(history, params["engine"], params["precision"]):
        return pace, "history"
    cost = measure()
    return (pace_of_measurement(cost), "measurement") if cost else (None, None)


def _when_it_ends(
    pace: Pace | None, rows: int, run_interval: RunInterval | None, capacity: Capacity | None, now: datetime
) -> dict[str, Any]:
    forecast = forecast_run(pace, rows, capacity.cores) if pace and capacity else None
    p50, p90 = (forecast.p50_seconds, forecast.p90_seconds) if forecast else (None, None)
    p50_at, p90_at = (None if seconds is None else now + timedelta(seconds=seconds) for seconds in (p50, p90))
    left = (run_interval.deadline_at - now).total_seconds() if run_interval else None
    return {
        "p50_seconds": p50,
        "p90_seconds": p90,
        "p50_finish_at": p50_at.isoformat() if p50_at else None,
        "p90_finish_at": p90_at.isoformat() if p90_at else None,
        "miss_probability": forecast.miss_probability(left) if forecast and left is not None else None,
        "fits": p50_at <= run_interval.alert_at if p50_at and run_interval else None,
    }


def _what_it_takes(
    pace: Pace | None, rows: int, run_interval: RunInterval | None, capacity: Capacity | None, now: datetime
) -> dict[str, Any]:
    """Cores and workers that end the run with the buffer to spare; None where too little is known or no number does."""
    cores = workers = workers_with_one_lost = None
    if pace and run_interval:
        left = (run_interval.alert_at - now).total_seconds()
        cores = cores_needed(rows, pace.core_seconds_per_row, left, pace.overhead_seconds)
        if capacity:
            task = (rows, pace.core_seconds_per_row, left, capacity.executor_cores, pace.overhead_seconds)
            workers, workers_with_one_lost = workers_needed(*task), workers_needed_with_one_lost(*task)
    return {
        "cores_needed": cores,
        "workers_needed": workers,
        "workers_needed_with_one_lost": workers_with_one_lost,
    }


def describe(plan: Mapping[str, Any]) -> str:
    """The plan in one line."""
    parts = [f"{_count(plan['rows'], 'row')} in {_count(plan['shards'], 'shard')}"]
    if plan["rows_to_predict"] != plan["rows"]:
        parts.append(f"about {plan['rows_to_predict']:,} of them to predict anew")
    if plan["cores"]:
        parts.append(f"{_count(plan['workers'], 'worker')} with {plan['cores']} cores")
    if plan["p50_seconds"] is None:
        parts.append("no forecast before the first run")
    else:
        parts.append(f"forecast {duration(plan['p50_seconds'])} (P50) to {duration(plan['p90_seconds'])} (P90)")
    if plan["deadline_at"] is None:
        parts.append("no deadline (no schedule, no Param interval)")
    else:
        parts.append(f"to end by {_clock(plan['alert_at'])} (deadline {_clock(plan['deadline_at'])})")
    if plan["miss_probability"] is not None:
        parts.append(f"missed with a probability of {plan['miss_probability']:.0%}")
    if plan["fits"] is False or plan["cores_needed"]:
        parts.append(_scale_up(plan))
    return ", ".join(parts)


def _scale_up(plan: Mapping[str, Any]) -> str:
    if plan["cores_needed"] is None:
        return "there is no time left"
    if plan["workers_needed"] is None:
        return f"it needs {plan['cores_needed']} cores"
    text = f"it needs {_count(plan['workers_needed'], 'worker')} of {plan['cores_per_worker']} cores"
    spare = plan["workers_needed_with_one_lost"]
    return f"{text} ({spare} in case one is lost)" if spare else text


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _clock(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def duration(seconds: float) -> str:
    """Such as 41 s, 12 min, 3 h 5 min or 11.6 days."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
    return f"{seconds / 86400:.1f} days"

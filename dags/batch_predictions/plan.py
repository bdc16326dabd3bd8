"""The task plan: will this run fit into its interval, and on what?"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from batch_predictions.spark_master import Capacity
from image_scoring.contract import BatchPredictionsError, RunPaths, Workspace
from image_scoring.files import read_json, read_json_lines, write_json
from runtime_guard.budget import Budget
from runtime_guard.forecast import core_seconds_per_row, cores_needed, predict_seconds

log = logging.getLogger(__name__)


def make_plan(
    workspace: Workspace,
    run: RunPaths,
    budget: Budget | None,
    capacity: Capacity | None,
    params: dict[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """Writes plan.json and returns it.

    budget: None when the run has no deadline. capacity: what the run may use, None when the cluster does not say.
    The forecast is None before the first run of this engine. Raises BatchPredictionsError when the forecast is past
    the budget's alert_at and Param on_overrun is "refuse".
    """
    manifest = read_json(run.manifest_summary)
    if manifest is None:
        raise BatchPredictionsError(f"run {run.run_key}: it has no manifest; run the task manifest first")
    cost = core_seconds_per_row(read_json_lines(workspace.history), params["engine"], params["precision"])
    seconds = predict_seconds(manifest["rows"], cost, capacity.cores) if cost and capacity else None
    finish = now + timedelta(seconds=seconds) if seconds is not None else None
    left = (budget.alert_at - now).total_seconds() if budget else None
    plan = {
        "run_key": run.run_key,
        "rows": manifest["rows"],
        "shards": manifest["shards"],
        "workers": capacity.workers if capacity else None,
        "cores": capacity.cores if capacity else None,
        "core_seconds_per_row": cost,
        "forecast_seconds": seconds,
        "forecast_finish_at": finish.isoformat() if finish else None,
        "starts_at": budget.starts_at.isoformat() if budget else None,
        "deadline_at": budget.deadline_at.isoformat() if budget else None,
        "alert_at": budget.alert_at.isoformat() if budget else None,
        "cores_needed": cores_needed(manifest["rows"], cost, left) if cost and left is not None else None,
        "fits": finish <= budget.alert_at if finish and budget else None,
    }
    write_json(run.plan, plan)
    text = describe(plan)
    if plan["fits"] is False and params["on_overrun"] == "refuse":
        raise BatchPredictionsError(f"run {run.run_key}: {text}; refused (on_overrun=refuse), nothing was predicted")
    log.log(logging.WARNING if plan["fits"] is False else logging.INFO, "plan: %s", text)
    return plan


def describe(plan: dict[str, Any]) -> str:
    """The plan in one line."""
    parts = [f"{plan['rows']:,} rows in {plan['shards']:,} shards"]
    if plan["cores"]:
        parts.append(f"{plan['workers']} workers with {plan['cores']} cores")
    if plan["forecast_seconds"] is None:
        parts.append("no forecast before the first run")
    else:
        parts.append(f"forecast {plan['forecast_seconds']:,.0f} s")
    if plan["deadline_at"] is None:
        parts.append("no deadline (no schedule, no Param interval)")
    else:
        parts.append(f"to end by {plan['alert_at']} (next run {plan['deadline_at']})")
    if plan["fits"] is False:
        needed = plan["cores_needed"]
        parts.append(f"it needs {needed} cores" if needed else "there is no time left")
    return ", ".join(parts)

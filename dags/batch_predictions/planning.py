"""Plan a run: forecast its finish, compare that with its interval, and find the workers that it needs."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

from batch_predictions.plan_text import describe_plan
from batch_predictions.spark_master import Capacity
from run_contract.layout import RunPaths, Workspace
from run_contract.record import read_records, require_record, write_record
from run_contract.records.history import HistoryRecord
from run_contract.records.manifest import ManifestRecord
from run_contract.records.plan import PlanRecord
from runtime_guard.batch_run import past_runs, record_of_pace
from runtime_guard.forecast.capacity import cores_needed, workers_needed, workers_needed_with_one_lost
from runtime_guard.forecast.finish import forecast_run
from runtime_guard.forecast.interval import RunInterval
from runtime_guard.forecast.pace import HISTORY_RUNS, fit_pace, pace_of_measurement
from runtime_guard.forecast.records import Pace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlanRequest:
    """What a plan is made for.

    run_type: as Airflow names it. run_after: when the run was due. interval: None if the run has no deadline.
    capacity: what the run may use, None if the cluster does not publish it. model_id, engine, precision: only runs
    with the same ones show what a row costs. only_new: whether unchanged images are carried over.
    """

    run_type: str
    run_after: datetime
    interval: RunInterval | None
    capacity: Capacity | None
    model_id: str
    engine: str
    precision: str
    only_new: bool


def make_plan(
    workspace: Workspace, run: RunPaths, request: PlanRequest, now: datetime, measure: Callable[[], float | None]
) -> PlanRecord:
    """Write plan.json and return its content; docs/data-contract.md describes the fields.

    measure: returns the core seconds of a row, or None; called only if there is a deadline and no earlier run to learn
    from. Raises RecordError if there is no manifest.
    """
    manifest = require_record(ManifestRecord, run.manifest_summary)
    history = [past for past in read_records(HistoryRecord, workspace.history) if past.model == request.model_id]
    pace, pace_from = find_pace(history, request, measure)
    capacity, interval = request.capacity, request.interval
    plan = PlanRecord(
        run_key=run.run_key,
        run_type=request.run_type,
        run_after=request.run_after,
        planned_at=now,
        rows=manifest.rows,
        rows_to_predict=rows_to_predict(manifest.rows, history, request.only_new),
        shards=manifest.shards,
        workers=capacity.workers if capacity else None,
        cores=capacity.cores if capacity else None,
        cores_per_worker=capacity.executor_cores if capacity else None,
        starts_at=interval.starts_at if interval else None,
        deadline_at=interval.deadline_at if interval else None,
        alert_at=interval.alert_at if interval else None,
        pace=record_of_pace(pace) if pace else None,
        pace_from=pace_from,
        core_seconds_per_row=pace.core_seconds_per_row if pace else None,
    )
    if pace:
        plan = _with_needs(_with_forecast(plan, pace), pace)
    write_record(run.plan, plan)
    log.log(logging.WARNING if plan.fits is False else logging.INFO, "plan: %s", describe_plan(plan))
    return plan


def rows_to_predict(rows: int, history: Sequence[HistoryRecord], only_new: bool) -> int:
    """Estimate the rows that will not be carried over: the median share of recent runs that carried some over.

    Return all `rows` if there is no such run.
    """
    shares = [past.newly_predicted / past.rows for past in history if past.carried_over and past.rows]
    return math.ceil(rows * median(shares[-HISTORY_RUNS:])) if only_new and shares else rows


def find_pace(
    history: Sequence[HistoryRecord], request: PlanRequest, measure: Callable[[], float | None]
) -> tuple[Pace | None, str | None]:
    """Return the expected pace and its origin, "history" or "measurement"; (None, None) if nothing is known."""
    if pace := fit_pace(past_runs(history, request.engine, request.precision)):
        return pace, "history"
    cost = measure() if request.interval else None
    return (pace_of_measurement(cost), "measurement") if cost else (None, None)


def _with_forecast(plan: PlanRecord, pace: Pace) -> PlanRecord:
    """Add when predict will end; without known cores the plan stays as it is."""
    if not plan.cores:
        return plan
    forecast = forecast_run(pace, plan.rows_to_predict, plan.cores)
    finish_at = plan.planned_at + timedelta(seconds=forecast.p50_seconds)
    left = (plan.deadline_at - plan.planned_at).total_seconds() if plan.deadline_at else None
    return replace(
        plan,
        p50_seconds=forecast.p50_seconds,
        p90_seconds=forecast.p90_seconds,
        p50_finish_at=finish_at,
        p90_finish_at=plan.planned_at + timedelta(seconds=forecast.p90_seconds),
        miss_probability=None if left is None else forecast.miss_probability(left),
        fits=finish_at <= plan.alert_at if plan.alert_at else None,
    )


def _with_needs(plan: PlanRecord, pace: Pace) -> PlanRecord:
    """Add the fewest cores and workers that end predict by `alert_at`; None where no number of them does."""
    if not plan.alert_at:
        return plan
    left = (plan.alert_at - plan.planned_at).total_seconds()
    rows, cost, overhead = plan.rows_to_predict, pace.core_seconds_per_row, pace.overhead_seconds
    plan = replace(plan, cores_needed=cores_needed(rows, cost, left, overhead))
    if not plan.cores_per_worker:
        return plan
    return replace(
        plan,
        workers_needed=workers_needed(rows, cost, left, plan.cores_per_worker, overhead),
        workers_needed_with_one_lost=workers_needed_with_one_lost(rows, cost, left, plan.cores_per_worker, overhead),
    )

"""The plan of a run as one line, for the log, alerts and the question under Required Actions."""

from __future__ import annotations

from run_contract.formatting import clock, count, duration, share
from run_contract.records.plan import PlanRecord


def describe_plan(plan: PlanRecord) -> str:
    """Return the plan in one line."""
    parts = [f"{count(plan.rows, 'row')} in {count(plan.shards, 'shard')}"]
    if plan.rows_to_predict != plan.rows:
        parts.append(f"about {count(plan.rows_to_predict)} of them to predict")
    if plan.cores:
        parts.append(f"{count(plan.workers, 'worker')} with {count(plan.cores, 'core')}")
    parts.append(_forecast(plan))
    parts.append(_deadline(plan))
    if plan.miss_probability is not None:
        parts.append(f"{share(plan.miss_probability, 0)} likely to miss it")
    if plan.fits is False or plan.cores_needed:
        parts.append(_needs(plan))
    return ", ".join(parts)


def _forecast(plan: PlanRecord) -> str:
    if plan.pace is None:
        return "no forecast (no earlier run shows its pace)"
    if plan.p50_seconds is None:
        return "no forecast (the cluster does not publish its cores)"
    return f"forecast {duration(plan.p50_seconds)} (P50) to {duration(plan.p90_seconds)} (P90)"


def _deadline(plan: PlanRecord) -> str:
    if plan.deadline_at is None or plan.alert_at is None:
        return "no deadline (no schedule and no Param interval)"
    return f"to end by {clock(plan.alert_at)} (deadline {clock(plan.deadline_at)})"


def _needs(plan: PlanRecord) -> str:
    if plan.cores_needed is None:
        return "there is no time left"
    if plan.workers_needed is None:
        return f"it needs {count(plan.cores_needed, 'core')}"
    text = f"it needs {count(plan.workers_needed, 'worker')} with {count(plan.cores_per_worker, 'core')} each"
    spare = plan.workers_needed_with_one_lost
    return f"{text} ({count(spare)} if one is lost)" if spare else text

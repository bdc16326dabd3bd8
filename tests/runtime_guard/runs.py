"""A run directory as plan and driver leave it: 10,000 rows in 20 shards, 2 workers of 2 cores, 4 core seconds a row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from run_contract.layout import RunPaths
from run_contract.record import write_record
from run_contract.records.plan import PaceRecord, PlanRecord
from run_contract.records.predict import DriverState, ProgressRecord, ProgressSample

START = datetime(2026, 1, 1, tzinfo=UTC)
ALERT_AT = START + timedelta(hours=8)
DEADLINE = START + timedelta(hours=10)
PACE = PaceRecord(core_seconds_per_row=4.0, cost_spread=0.1, overhead_seconds=20.0, overhead_spread=5.0, runs=5)
PLAN = PlanRecord(
    run_key="20260101T000000Z",
    run_type="scheduled",
    run_after=START,
    planned_at=START,
    alert_at=ALERT_AT,
    deadline_at=DEADLINE,
    rows=10_000,
    rows_to_predict=10_000,
    shards=20,
    workers=2,
    cores=4,
    cores_per_worker=2,
    pace=PACE,
    p90_seconds=11_400.0,
)


def plan(run: RunPaths, **changes: Any) -> None:
    """Write a plan made at START, to finish in 10,020 seconds."""
    write_record(run.plan, replace(PLAN, **changes))


def make_progress(now: datetime, rows_done: int = 0, **changes: Any) -> ProgressRecord:
    """Return what the driver reports at `now` of rows that came evenly since START, a shard of 500 at a time."""
    shards = rows_done // 500
    seconds = (now - START).total_seconds()
    moments = [START.timestamp() + seconds * index / max(shards, 1) for index in range(shards + 1)]
    record = ProgressRecord(
        run_key="20260101T000000Z",
        attempt="1",
        state=DriverState.PREDICTING,
        started_at=START,
        updated_at=now,
        rows_total=10_000,
        rows_done=rows_done,
        shards_total=20,
        shards_done=shards,
        cores=4,
        workers=2,
        image_timeout=60.0,
        samples=tuple(ProgressSample(moment, 500 * index, 4) for index, moment in enumerate(moments)),
    )
    return replace(record, **changes)


def report(run: RunPaths, now: datetime, rows_done: int = 0, **changes: Any) -> None:
    """Write what the driver reports at `now`."""
    write_record(run.progress, make_progress(now, rows_done, **changes))

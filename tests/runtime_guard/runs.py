"""A run directory as plan and driver leave it: 10,000 rows in 20 shards, 2 workers of 2 cores, 4 core seconds a row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from run_contract.files import write_json
from run_contract.layout import RunPaths

START = datetime(2026, 1, 1, tzinfo=UTC)
ALERT_AT = START + timedelta(hours=8)
DEADLINE = START + timedelta(hours=10)
PACE = {
    "core_seconds_per_row": 4.0,
    "cost_spread": 0.1,
    "overhead_seconds": 20.0,
    "overhead_spread": 5.0,
    "runs": 5,
}


def plan(run: RunPaths, **changes: Any) -> None:
    """Planned at START, to be done in 10,020 seconds."""
    record = {
        "planned_at": START.isoformat(),
        "alert_at": ALERT_AT.isoformat(),
        "deadline_at": DEADLINE.isoformat(),
        "rows": 10_000,
        "shards": 20,
        "workers": 2,
        "cores": 4,
        "cores_per_worker": 2,
        "pace": PACE,
        "p90_seconds": 11_400.0,
    }
    write_json(run.plan, {**record, **changes})


def report(run: RunPaths, now: datetime, rows_done: int = 0, **changes: Any) -> None:
    """What the driver says at `now` of rows that came evenly since START, a shard of 500 at a time."""
    shards = rows_done // 500
    span = (now - START).total_seconds()
    samples = [[START.timestamp() + span * index / max(shards, 1), 500 * index, 4] for index in range(shards + 1)]
    record = {
        "state": "predicting",
        "started_at": START.isoformat(),
        "updated_at": now.isoformat(),
        "rows_total": 10_000,
        "rows_done": rows_done,
        "shards_total": 20,
        "shards_done": shards,
        "cores": 4,
        "workers": 2,
        "image_timeout": 60.0,
        "samples": samples,
    }
    write_json(run.progress, {**record, **changes})

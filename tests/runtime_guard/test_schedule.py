"""When the next run is due, by real DAGs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, CronDataIntervalTimetable

from runtime_guard.schedule import next_run_after

RUN_AFTER = datetime(2026, 2, 28, tzinfo=UTC)
BY_HAND = datetime(2026, 2, 28, 15, 30, tzinfo=UTC)


def dag_with(schedule: Any) -> DAG:
    return DAG("d", schedule=schedule, start_date=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("schedule", "run_after", "following"),
    [
        ("@daily", RUN_AFTER, datetime(2026, 3, 1, tzinfo=UTC)),
        ("@daily", BY_HAND, datetime(2026, 3, 1, tzinfo=UTC)),
        ("*/15 * * * *", RUN_AFTER, RUN_AFTER + timedelta(minutes=15)),
        (timedelta(hours=6), RUN_AFTER, RUN_AFTER + timedelta(hours=6)),
        (CronDataIntervalTimetable("0 0 * * *", timezone="UTC"), RUN_AFTER, datetime(2026, 3, 1, tzinfo=UTC)),
        (None, RUN_AFTER, None),
    ],
)
def test_the_next_run_after(schedule: Any, run_after: datetime, following: datetime | None) -> None:
    assert next_run_after(dag_with(schedule), run_after) == following

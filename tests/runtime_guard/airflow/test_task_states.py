"""What the driver's last word says of its task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runtime_guard.airflow.task_states import SILENT_SECONDS, state_by_driver

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "seconds_ago", "told"),
    [
        ("starting", 1, "running"),
        ("predicting", SILENT_SECONDS - 1, "running"),
        ("finished", 1, "success"),
        ("predicting", SILENT_SECONDS + 1, None),
        ("finished", SILENT_SECONDS + 1, None),
        ("starting", -SILENT_SECONDS - 1, None),  # its clock is ahead of ours
        ("failed", 1, None),  # perhaps it is tried again
    ],
)
def test_it_counts_while_it_is_fresh(state: str, seconds_ago: float, told: str | None) -> None:
    spoke = NOW - timedelta(seconds=seconds_ago)
    assert state_by_driver({"state": state, "updated_at": spoke.isoformat()}, NOW) == told


def test_a_driver_that_has_said_nothing_tells_nothing() -> None:
    assert state_by_driver({}, NOW) is None

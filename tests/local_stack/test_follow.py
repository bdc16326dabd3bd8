"""What `make run` shows of a run in progress."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from local_stack.follow import describe, is_predicting
from run_contract.records.predict import DriverState, ProgressRecord

DONE = {"download": "success", "manifest": "success"}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def report(state: DriverState, **figures: Any) -> ProgressRecord:
    return ProgressRecord(run_key="r", attempt="1", started_at=NOON, updated_at=NOON, state=state, **figures)


@pytest.mark.parametrize(
    ("states", "progress", "text"),
    [
        ({}, None, "download (waiting)"),
        ({**DONE, "plan": "running"}, None, "plan"),
        ({**DONE, "plan": "awaiting_input"}, None, "plan (waiting for approval: Required Actions in Airflow's web UI)"),
        ({**DONE, "plan": "success", "predict": "running"}, report(DriverState.STARTING), "predict"),
        (
            {**DONE, "plan": "success", "predict": "running"},
            report(
                DriverState.PREDICTING,
                rows_done=1024,
                rows_total=3000,
                steady_images_per_second=100.4,
                eta_seconds=3700.0,
            ),
            "predict 1,024 of 3,000 images, 100 per second, 62 min left",
        ),
    ],
)
def test_one_line_shows_what_the_run_is_doing(
    states: dict[str, str | None], progress: ProgressRecord | None, text: str
) -> None:
    assert describe(states, progress) == text


@pytest.mark.parametrize(
    ("task", "driver", "expected"),
    [
        ("running", None, True),
        ("running", DriverState.STARTING, True),
        ("running", DriverState.PREDICTING, True),
        ("running", DriverState.FINISHED, False),
        ("running", DriverState.FAILED, False),
        ("queued", DriverState.PREDICTING, False),  # of the previous attempt
        (None, None, False),
    ],
)
def test_airflow_is_asked_less_often_until_the_driver_has_ended(
    task: str | None, driver: DriverState | None, expected: bool
) -> None:
    assert is_predicting({"predict": task}, report(driver) if driver else None) is expected

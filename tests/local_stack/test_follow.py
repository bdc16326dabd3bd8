"""What `make run` says of a run that is at work."""

from __future__ import annotations

from typing import Any

import pytest

from local_stack.follow import describe, is_predicting

DONE = {"download": "success", "manifest": "success"}


@pytest.mark.parametrize(
    ("states", "progress", "text"),
    [
        ({}, {}, "download (waiting)"),
        ({**DONE, "plan": "running"}, {}, "plan"),
        ({**DONE, "plan": "awaiting_input"}, {}, "plan (waits for a person: Required Actions in Airflow's web UI)"),
        ({**DONE, "plan": "success", "predict": "running"}, {"state": "starting"}, "predict"),
        (
            {**DONE, "plan": "success", "predict": "running"},
            {
                "state": "predicting",
                "rows_done": 1024,
                "rows_total": 3000,
                "steady_images_per_second": 100.4,
                "eta_seconds": 3700,
            },
            "predict 1,024 of 3,000 images, 100 a second, 1:01:40 to go",
        ),
    ],
)
def test_one_line_says_where_the_run_is(states: dict[str, str | None], progress: dict[str, Any], text: str) -> None:
    assert describe(states, progress) == text


@pytest.mark.parametrize(
    ("task", "driver", "expected"),
    [
        ("running", None, True),
        ("running", "starting", True),
        ("running", "predicting", True),
        ("running", "finished", False),
        ("running", "failed", False),
        ("queued", "predicting", False),  # of the attempt before
        (None, None, False),
    ],
)
def test_airflow_is_spared_until_the_driver_has_ended(task: str | None, driver: str | None, expected: bool) -> None:
    assert is_predicting({"predict": task}, {"state": driver} if driver else {}) is expected

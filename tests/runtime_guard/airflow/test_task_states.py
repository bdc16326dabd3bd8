"""States of a task as Airflow names them, in the guard's terms."""

from __future__ import annotations

import pytest
from airflow.sdk import TaskInstanceState

from runtime_guard.airflow.task_states import scheduler_state
from runtime_guard.forecast.records import SchedulerState


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "upstream_failed", "removed"])
def test_a_task_that_has_ended(state: str) -> None:
    assert scheduler_state(state) == SchedulerState.ENDED


@pytest.mark.parametrize("state", [None, "running", "queued", "scheduled", "up_for_retry", "deferred", "restarting"])
def test_a_task_that_may_go_on_has_not_ended(state: str | None) -> None:
    assert scheduler_state(state) != SchedulerState.ENDED


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("running", SchedulerState.RUNNING),
        ("up_for_retry", SchedulerState.RETRYING),
        ("restarting", SchedulerState.RETRYING),
        ("queued", SchedulerState.WAITING),
        (None, SchedulerState.WAITING),
    ],
)
def test_a_task_that_has_not_ended(state: str | None, expected: SchedulerState) -> None:
    assert scheduler_state(state) == expected


def test_every_state_at_which_airflow_is_done_is_an_end() -> None:
    done = {"success", "failed", "skipped", "upstream_failed", "removed"}
    names = {state.value for state in TaskInstanceState}
    assert done <= names
    assert {name for name in names if scheduler_state(name) == SchedulerState.ENDED} == done

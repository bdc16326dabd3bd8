"""Whether Airflow's test commands are at work."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

from runtime_guard.airflow.test_mode import parsed_by_dags_test, runs_in_process


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["airflow", "dags", "test", "batch_predictions"], True),
        (["airflow", "tasks", "test", "batch_predictions", "plan", "ci"], False),
        (["airflow", "dags", "reserialize"], False),
        (["airflow", "scheduler"], False),
    ],
)
def test_the_command_that_parses_the_dag(command: list[str], expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", command)
    assert parsed_by_dags_test() is expected


@pytest.mark.parametrize(("line", "expected"), [(object(), False), (InProcessSupervisorComms(supervisor=None), True)])
def test_the_line_of_a_task_to_airflow(line: Any, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", line, raising=False)
    assert runs_in_process() is expected

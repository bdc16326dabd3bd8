"""Whether Airflow's test commands are at work."""

from __future__ import annotations

import sys

import pytest

from runtime_guard.airflow.test_mode import parsed_by_dags_test, runs_alone


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


def test_the_test_of_a_single_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_TEST_MODE", raising=False)
    assert not runs_alone()
    monkeypatch.setenv("AIRFLOW_TEST_MODE", "True")
    assert runs_alone()

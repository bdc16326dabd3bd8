"""A person decides about a run that does not fit, through Airflow's API and under the real scheduler.

After test_stack.py (files run in alphabetical order): the scheduled run there is published only while no newer run is.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from local_stack.airflow_api import DagRun
from local_stack.layout import Layout
from run_contract.record import read_records, require_record
from run_contract.records.alert import AlertRecord
from run_contract.records.failure import FailureRecord
from run_contract.records.metrics import MetricsRecord
from run_contract.records.plan import PlanRecord
from tests.conftest import RunningStack
from tests.integration.commands import wait_until

pytestmark = pytest.mark.slow

TOO_SHORT = {"limit": 5, "interval": "1s", "on_overrun": "approve"}


class Question:
    """The question of a run's task plan."""

    def __init__(self, stack: RunningStack, dag_run: DagRun) -> None:
        self._stack, self._run_id = stack, dag_run.run_id
        self._path = f"/api/v2/dags/batch_predictions/dagRuns/{self._run_id}/taskInstances/plan/-1/hitlDetails"

    def wait(self, times: int = 1) -> None:
        """Wait until it is asked for the nth time and the scheduler has seen that the asking process has ended.

        An answer before that, which only a program is fast enough for, is lost, and the task asks again.
        """
        log = Layout(self._stack.workspace).logs / "scheduler.log"
        seen = re.compile(rf"TaskInstance Finished: .*task_id=plan, run_id={re.escape(self._run_id)},.*=awaiting_input")
        wait_until(lambda: len(seen.findall(log.read_text(errors="replace"))) == times, "the plan asks")

    def read(self) -> dict[str, Any]:
        return self._stack.api.call("GET", self._path)

    def answer(self, option: str) -> None:
        self._stack.api.call("PATCH", self._path, {"chosen_options": [option], "params_input": {}})


def test_a_run_that_does_not_fit_waits_for_a_person(stack: RunningStack) -> None:
    """Nobody answers until its interval is over, then somebody rejects it and, asked again, approves it."""
    stack.api.unpause()
    dag_run = stack.api.trigger(TOO_SHORT)
    run_id, run = dag_run.run_id, stack.files_of(dag_run)
    question = Question(stack, dag_run)
    question.wait()
    assert run.run_key in question.read()["subject"]
    assert "5 rows in 1 shard," in question.read()["body"]
    assert require_record(PlanRecord, run.plan).fits is False

    wait_until(lambda: len(read_records(AlertRecord, run.alerts)) == 2, "the deadline of the DAG run has passed")
    told = {alert.level: alert.text for alert in read_records(AlertRecord, run.alerts)}
    assert "under Required Actions" in told["approval"]
    assert "has not ended" in told["breached"]

    question.answer("Reject")
    assert stack.wait_for_end(dag_run) == "failed"
    assert (
        "rejected by admin (on_overrun=approve), nothing was predicted"
        in require_record(FailureRecord, run.failure).message
    )
    assert not run.predictions.exists()

    cleared = {"dry_run": False, "task_ids": ["plan"], "dag_run_id": run_id, "include_downstream": True}
    stack.api.call("POST", "/api/v2/dags/batch_predictions/clearTaskInstances", cleared)
    question.wait(times=2)
    question.answer("Approve")
    assert stack.wait_for_end(dag_run) == "success"
    assert require_record(MetricsRecord, run.metrics).rows == 5
    assert len(read_records(AlertRecord, run.alerts)) == 2

"""The task plan continues, fails or requests approval if a run does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CreateHITLDetailPayload, GetPreviousDagRun, PreviousDagRunResult
from airflow.sdk.execution_time.context import set_current_context
from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

from batch_predictions import plan as plan_operator
from batch_predictions import settings, spark_master
from batch_predictions.params import PARAMS
from batch_predictions.plan import APPROVE, LEAST_WAIT, REJECT, PlanOperator
from batch_predictions.spark_master import Capacity
from image_scoring.model.spec import load_spec
from run_contract.layout import RunPaths, Workspace, run_key
from run_contract.record import append_record, read_records, require_record, write_record
from run_contract.records.alert import AlertRecord
from run_contract.records.failure import FailureRecord
from run_contract.records.plan import PlanRecord
from runtime_guard.alerting.watched_run import Alert
from tests.batch_predictions.example_records import MANIFEST, PAST_RUN
from tests.helpers import MODEL

NOW = datetime.now(UTC).replace(microsecond=0)
TASK_INSTANCE = UUID(int=7)
LATE = {"interval": "18m"}  # to end within 14.4 min, but it takes 15


class Airflow:
    """Stands in for the supervisor that a task talks to."""

    def __init__(self) -> None:
        self.asked: list[CreateHITLDetailPayload] = []

    def send(self, msg: Any) -> Any:
        if isinstance(msg, GetPreviousDagRun):
            return PreviousDagRunResult(dag_run=None)
        assert isinstance(msg, CreateHITLDetailPayload)
        self.asked.append(msg)
        return None


class InProcess(Airflow, InProcessSupervisorComms):
    """The supervisor of `airflow dags test`."""


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    line = Airflow()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", line, raising=False)
    return line


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    """A run of 36,000 rows on 4 cores, after one that took 0.1 core seconds for each row."""
    monkeypatch.setattr(settings, "WORKSPACE", tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", "spark://localhost:7077")
    monkeypatch.setattr(spark_master, "find_capacity", lambda *_: Capacity(workers=2, cores=4, executor_cores=2))
    workspace = Workspace(tmp_path)
    run = workspace.run(run_key(NOW))
    write_record(run.manifest_summary, MANIFEST)
    append_record(workspace.history, replace(PAST_RUN, model=load_spec(MODEL)[0].model_id))
    return run


@pytest.fixture(autouse=True)
def delivered(monkeypatch: pytest.MonkeyPatch) -> list[Alert]:
    """The alerts that were sent through the channels."""
    alerts: list[Alert] = []
    monkeypatch.setattr(plan_operator, "send_alerts", alerts.extend)
    return alerts


class Task:
    """The task plan and its context, for a run due now with these Params."""

    def __init__(self, **params: Any) -> None:
        with DAG("d", schedule="@daily", start_date=NOW - timedelta(days=9)) as dag:
            self.operator = PlanOperator(task_id="plan", execution_timeout=timedelta(minutes=5))
        self.context: Any = {
            "dag": dag,
            "dag_run": SimpleNamespace(
                dag_id="d", logical_date=NOW, run_after=NOW, run_type="scheduled", start_date=NOW
            ),
            "params": {name: param.default for name, param in PARAMS.items()} | params,
            "ti": SimpleNamespace(task_id="plan"),
            "task_instance": SimpleNamespace(id=TASK_INSTANCE),
        }

    def execute(self) -> None:
        with set_current_context(self.context):
            self.operator.execute(self.context)

    def answer(self, option: str, name: str | None) -> None:
        """Resume the task as Airflow does after an answer; name None: nobody answered in time."""
        event = {
            "chosen_options": [option],
            "params_input": {},
            "responded_at": datetime.now(UTC),
            "responded_by_user": {"id": "1", "name": name} if name else None,
            "timedout": name is None,
        }
        with set_current_context(self.context):
            self.operator.execute_complete(self.context, event)


@pytest.mark.usefixtures("airflow")
@pytest.mark.parametrize("on_overrun", ["warn", "refuse", "approve"])
def test_a_run_that_fits_continues(on_overrun: str, run: RunPaths) -> None:
    Task(on_overrun=on_overrun, interval="1d").execute()
    plan = require_record(PlanRecord, run.plan)
    assert (plan.fits, plan.run_type, plan.run_after) == (True, "scheduled", NOW)


@pytest.mark.usefixtures("airflow")
def test_a_run_that_does_not_fit_continues_with_a_warning(run: RunPaths) -> None:
    Task(**LATE).execute()
    assert require_record(PlanRecord, run.plan).fits is False


@pytest.mark.usefixtures("airflow")
def test_a_run_that_does_not_fit_is_refused_in_one_line(run: RunPaths) -> None:
    with pytest.raises(AirflowFailException, match=r"run .*it needs 3 workers .*refused \(on_overrun=refuse\)"):
        Task(on_overrun="refuse", **LATE).execute()
    assert "nothing was predicted" in require_record(FailureRecord, run.failure).message
    assert require_record(PlanRecord, run.plan).fits is False


def test_approval_is_requested_and_the_process_ends(run: RunPaths, airflow: Airflow, delivered: list[Alert]) -> None:
    with pytest.raises(TaskAwaitingInput) as waiting:
        Task(on_overrun="approve", **LATE).execute()
    assert waiting.value.method_name == "execute_complete"
    assert LEAST_WAIT < waiting.value.timeout <= timedelta(minutes=18)
    (question,) = airflow.asked
    assert (question.ti_id, question.options, question.defaults) == (TASK_INSTANCE, [APPROVE, REJECT], [REJECT])
    assert run.run_key in question.subject
    assert "36,000 rows in 20 shards" in str(question.body)
    assert "it needs 3 workers" in str(question.body)
    assert not run.failure.exists()
    assert [(alert.level, alert.text) for alert in delivered] == [
        ("approval", read_records(AlertRecord, run.alerts)[0].text)
    ]
    assert "it needs 3 workers" in delivered[0].text
    assert "under Required Actions" in delivered[0].text


@pytest.mark.usefixtures("run")
def test_after_the_deadline_there_is_still_time_to_answer(airflow: Airflow) -> None:
    with pytest.raises(TaskAwaitingInput) as waiting:
        Task(on_overrun="approve", interval="1s").execute()
    assert waiting.value.timeout == LEAST_WAIT
    assert "there is no time left" in str(airflow.asked[0].body)


def test_no_approval_is_requested_in_test_mode(run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    line = InProcess.__new__(InProcess)
    Airflow.__init__(line)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", line, raising=False)
    Task(on_overrun="approve", **LATE).execute()
    assert require_record(PlanRecord, run.plan).fits is False
    assert line.asked == []


@pytest.fixture
def asked(run: RunPaths, airflow: Airflow) -> Iterator[Task]:
    """The task in a new process, after it has requested approval."""
    with pytest.raises(TaskAwaitingInput):
        Task(on_overrun="approve", **LATE).execute()
    yield Task(on_overrun="approve", **LATE)
    assert len(airflow.asked) == 1
    assert require_record(PlanRecord, run.plan).fits is False


def test_an_approved_run_continues(asked: Task, run: RunPaths) -> None:
    asked.answer(APPROVE, "Ada")
    assert not run.failure.exists()


@pytest.mark.parametrize(("name", "cause"), [("Ada", "rejected by Ada"), (None, "nobody approved it in time")])
def test_a_run_that_is_not_approved_fails_without_a_retry_in_one_line(
    name: str | None, cause: str, asked: Task, run: RunPaths
) -> None:
    with pytest.raises(AirflowFailException, match=cause):
        asked.answer(REJECT, name)
    message = require_record(FailureRecord, run.failure).message
    assert f"{cause} (on_overrun=approve), nothing was predicted; clear the task plan" in message
    assert "\n" not in message


def test_a_cleared_task_requests_approval_again(asked: Task, airflow: Airflow) -> None:
    with pytest.raises(AirflowFailException):
        asked.answer(REJECT, "Ada")
    with pytest.raises(TaskAwaitingInput):
        Task(on_overrun="approve", **LATE).execute()
    assert len(airflow.asked) == 2
    airflow.asked.pop()


@pytest.mark.usefixtures("airflow", "run")
def test_a_param_is_never_rendered_as_a_template() -> None:
    assert PlanOperator(task_id="plan", execution_timeout=timedelta(minutes=5)).template_fields == ()

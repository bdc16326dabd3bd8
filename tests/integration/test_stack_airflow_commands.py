"""The commands airflow dags test and airflow tasks test, which need neither a scheduler nor a triggerer."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from local_stack.environment import make_environment
from local_stack.layout import Layout
from local_stack.options import Options
from run_contract.layout import Workspace
from run_contract.record import require_record
from run_contract.records.failure import FailureRecord
from run_contract.records.metrics import MetricsRecord, Verdict
from run_contract.records.plan import PlanRecord
from tests.conftest import RunningStack

pytestmark = pytest.mark.slow

TASKS = ("download", "manifest", "plan", "predict", "watch_runtime", "validate", "publish")


class Airflow:
    """The airflow command with a separate database, on the Spark master of a running stack."""

    def __init__(self, stack: RunningStack, home: Path) -> None:
        environment = make_environment(Layout(stack.workspace), Options(stack.workspace), stack.addresses, "")
        self.workspace = Workspace(home / "workspace")
        self._database = home / "airflow.db"
        self._environment = environment | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._database}",
            "BATCH_PREDICTIONS_WORKSPACE": str(self.workspace.root),
        }
        self("db", "migrate")
        self("dags", "reserialize")

    def __call__(self, *words: str, connection: str | None = "") -> None:
        """Run the command. connection: another spark_default; None removes it."""
        environment = dict(self._environment)
        if connection is None:
            del environment["AIRFLOW_CONN_SPARK_DEFAULT"]
        elif connection:
            environment["AIRFLOW_CONN_SPARK_DEFAULT"] = connection
        # The test commands ignore SIGTERM; after the timeout SIGKILL ends them.
        finished = subprocess.run(
            ["airflow", *words], env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr

    def trigger(self, run_id: str, date: str) -> None:
        self("dags", "trigger", "batch_predictions", "--run-id", run_id, "--logical-date", f"{date}T00:00:00+00:00")

    def states(self, run_id: str) -> dict[str, str]:
        """Return the state of each task of a run."""
        with closing(sqlite3.connect(self._database)) as database:
            return dict(database.execute("SELECT task_id, state FROM task_instance WHERE run_id = ?", [run_id]))


@pytest.fixture(scope="module")
def airflow(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    return Airflow(stack, tmp_path_factory.mktemp("airflow"))


def test_task_by_task(airflow: Airflow) -> None:
    """Each task runs in a separate process: they share only the directory of the run."""
    airflow.trigger("ci", "2026-11-01")
    run = airflow.workspace.run("20261101T000000Z")
    for task in TASKS:
        airflow("tasks", "test", "batch_predictions", task, "ci")
    assert airflow.states("ci") == dict.fromkeys(TASKS, "success")
    assert require_record(MetricsRecord, run.metrics).verdict is Verdict.VALID
    assert airflow.workspace.published_run() == run.run_key


def test_a_failing_task_does_not_look_like_a_success(airflow: Airflow) -> None:
    """The command exits with 0, so the state shows the failure. A missing connection is never taken for YARN."""
    airflow.trigger("failing", "2026-11-02")
    failure = airflow.workspace.run("20261102T000000Z").failure
    airflow("tasks", "test", "batch_predictions", "validate", "failing")
    assert airflow.states("failing")["validate"] == "failed"
    assert "it has no manifest; run the task manifest first" in require_record(FailureRecord, failure).message

    airflow("tasks", "test", "batch_predictions", "predict", "failing", connection=None)
    assert airflow.states("failing")["predict"] == "failed"
    assert "connection spark_default: it does not exist" in require_record(FailureRecord, failure).message

    airflow("tasks", "test", "batch_predictions", "predict", "failing", connection="http://127.0.0.1:80")
    assert airflow.states("failing")["predict"] == "failed"
    assert "connection spark_default: its type is 'http'" in require_record(FailureRecord, failure).message


def test_dags_test_runs_the_whole_dag_without_approval(airflow: Airflow) -> None:
    conf = {"limit": 7, "interval": "1s", "on_overrun": "approve"}
    airflow("dags", "test", "batch_predictions", "2026-11-03", "--conf", json.dumps(conf))
    run = airflow.workspace.run("20261103T000000Z")
    assert require_record(PlanRecord, run.plan).fits is False
    assert require_record(MetricsRecord, run.metrics).rows == 7
    assert airflow.workspace.published_run() == run.run_key

"""airflow dags test and airflow tasks test, as a CI uses them: no scheduler, no triggerer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from local_stack.environment import make_environment
from local_stack.layout import Layout
from local_stack.options import Options
from tests.conftest import RunningStack

pytestmark = pytest.mark.slow

TASKS = ("download", "manifest", "plan", "predict", "watch_runtime", "validate", "publish")


class Airflow:
    """The airflow command with a database of its own, on the Spark master of a running stack."""

    def __init__(self, stack: RunningStack, home: Path) -> None:
        environment = make_environment(Layout(stack.workspace), Options(stack.workspace), stack.addresses, "")
        self.workspace = home / "workspace"
        self._environment = environment | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
            "BATCH_PREDICTIONS_WORKSPACE": str(self.workspace),
        }
        self("db", "migrate")
        self("dags", "reserialize")

    def __call__(self, *words: str, connection: str | None = "") -> str:
        """The command's output. connection: another spark_default, or None for none at all."""
        environment = dict(self._environment)
        if connection is None:
            del environment["AIRFLOW_CONN_SPARK_DEFAULT"]
        elif connection:
            environment["AIRFLOW_CONN_SPARK_DEFAULT"] = connection
        # SIGTERM is swallowed by the test commands: past the deadline only SIGKILL ends them.
        finished = subprocess.run(
            ["airflow", *words], env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout


@pytest.fixture(scope="module")
def airflow(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    return Airflow(stack, tmp_path_factory.mktemp("airflow"))


def test_task_by_task(airflow: Airflow) -> None:
    """Each task in a process of its own: they share the directory of the run and nothing else."""
    date = "2026-11-01T00:00:00+00:00"
    airflow("dags", "trigger", "batch_predictions", "--run-id", "ci", "--logical-date", date)
    run = airflow.workspace / "runs" / "20261101T000000Z"
    for task in TASKS:
        airflow("tasks", "test", "batch_predictions", task, "ci")
    states = json.loads(airflow("tasks", "states-for-dag-run", "batch_predictions", "ci", "--output", "json"))
    assert {state["task_id"]: state["state"] for state in states} == dict.fromkeys(TASKS, "success")
    assert json.loads((run / "metrics.json").read_text())["verdict"] == "valid"
    assert (airflow.workspace / "published" / "current").resolve() == run.resolve()


def test_a_failing_task_does_not_look_like_a_success(airflow: Airflow) -> None:
    """validate without predictions: the command exits 0, the state tells."""
    date = "2026-11-02T00:00:00+00:00"
    airflow("dags", "trigger", "batch_predictions", "--run-id", "ci2", "--logical-date", date)
    airflow("tasks", "test", "batch_predictions", "validate", "ci2")
    states = json.loads(airflow("tasks", "states-for-dag-run", "batch_predictions", "ci2", "--output", "json"))
    assert {state["task_id"]: state["state"] for state in states}["validate"] == "failed"
    failure = json.loads((airflow.workspace / "runs" / "20261102T000000Z" / "failure.json").read_text())
    assert "it has no manifest; run the task manifest first" in failure["message"]


@pytest.mark.parametrize(
    ("connection", "cause"),
    [
        (None, "connection spark_default: it does not exist"),
        ("http://127.0.0.1:80", "connection spark_default: its type is 'http'"),
    ],
)
def test_no_connection_is_never_taken_for_yarn(airflow: Airflow, connection: str | None, cause: str) -> None:
    run_id = f"connection-{connection is None}"
    day = 4 + (connection is None)
    date = f"2026-11-{day:02d}T00:00:00+00:00"
    airflow("dags", "trigger", "batch_predictions", "--run-id", run_id, "--logical-date", date)
    airflow("tasks", "test", "batch_predictions", "predict", run_id, connection=connection)
    states = json.loads(airflow("tasks", "states-for-dag-run", "batch_predictions", run_id, "--output", "json"))
    assert {state["task_id"]: state["state"] for state in states}["predict"] == "failed"
    failure = json.loads((airflow.workspace / "runs" / f"202611{day:02d}T000000Z" / "failure.json").read_text())
    assert cause in failure["message"]


def test_dags_test_runs_the_whole_dag_and_asks_nobody(airflow: Airflow) -> None:
    conf = {"limit": 7, "interval": "1s", "on_overrun": "approve"}
    airflow("dags", "test", "batch_predictions", "2026-11-03", "--conf", json.dumps(conf))
    run = airflow.workspace / "runs" / "20261103T000000Z"
    assert json.loads((run / "plan.json").read_text())["fits"] is False
    assert json.loads((run / "metrics.json").read_text())["rows"] == 7
    assert (airflow.workspace / "published" / "current").resolve() == run.resolve()

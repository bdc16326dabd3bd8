"""The DAG as Airflow parses it, in a separate process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batch_predictions.params import PARAMS
from tests.helpers import REPOSITORY

HEAVY = ("pandas", "numpy", "pyarrow", "pyspark", "tensorflow", "keras", "openvino", "matplotlib")
TASKS = ["download", "manifest", "plan", "predict", "publish", "validate", "watch_runtime"]

READ = """
import json, sys, warnings
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.decoders import decode_deadline_alert
from airflow.serialization.encoders import encode_deadline_alert
bag = DagBag(sys.argv[1])
[dag] = bag.dags.values() or [None]
if dag is None:
    sys.exit(f"no DAG: {bag.import_errors}")
json.dump({
    "import_errors": dict(bag.import_errors),
    "dag_id": dag.dag_id,
    "schedule": [type(dag.timetable).__name__, dag.timetable.expression],
    "start_date": dag.start_date.isoformat(),
    "catchup": dag.catchup,
    "max_active_runs": dag.max_active_runs,
    "deadlines": [decode_deadline_alert(encode_deadline_alert(alert)).callback.path for alert in dag.deadline],
    "doc_md": dag.doc_md,
    "params": {
        name: {"description": param.description, **param.schema}
        for name in dag.params
        for param in [dag.params.get_param(name)]
    },
    "defaults": dag.params.dump(),
    "tasks": {
        task.task_id: {
            "downstream": sorted(task.downstream_task_ids),
            "retries": task.retries,
            "backoff": bool(task.retry_exponential_backoff),
            "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
            "trigger_rule": task.trigger_rule.value,
            "outlets": [outlet.name for outlet in task.outlets],
        }
        for task in dag.tasks
    },
}, sys.stdout)
"""

LOADED = """
import json, sys
from airflow.sdk import DAG, Asset, Param, task
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
before = set(sys.modules)
import batch_predictions.dag
json.dump([sorted(before), sorted(set(sys.modules) - before)], sys.stdout)
"""


def in_airflow(code: str, home: Path, *arguments: str) -> Any:
    """Return the JSON that `code` prints as its last line in a new Python process with AIRFLOW_HOME `home`."""
    path = [REPOSITORY / "dags", REPOSITORY / "plugins", REPOSITORY / "spark_jobs"]
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    others = {key: value for key, value in os.environ.items() if not key.startswith("BATCH_PREDICTIONS_")}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**others, **settings}, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return in_airflow(READ, tmp_path_factory.mktemp("home"), str(REPOSITORY / "dags"))


def test_the_dag_is_read_without_errors(dag: Any) -> None:
    assert dag["import_errors"] == {}
    assert dag["dag_id"] == "batch_predictions"
    assert sorted(dag["tasks"]) == TASKS


def test_it_runs_daily_one_at_a_time_and_does_not_catch_up(dag: Any) -> None:
    assert dag["schedule"][1] == "0 0 * * *"
    assert dag["catchup"] is False
    assert dag["max_active_runs"] == 1
    assert dag["start_date"].startswith("2026-01-01T00:00:00")


def test_the_order_of_the_tasks(dag: Any) -> None:
    assert {name: task["downstream"] for name, task in dag["tasks"].items()} == {
        "download": ["manifest"],
        "manifest": ["plan"],
        "plan": ["predict", "watch_runtime"],
        "predict": ["validate"],
        "watch_runtime": [],
        "validate": ["publish"],
        "publish": [],
    }
    assert {task["trigger_rule"] for task in dag["tasks"].values()} == {"all_success"}
    assert dag["tasks"]["publish"]["outlets"] == ["batch_predictions"]


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_retries_with_backoff_and_a_timeout(name: str, dag: Any) -> None:
    task = dag["tasks"][name]
    assert task["retries"] >= 1
    assert task["backoff"]
    assert task["timeout"] > 0


@pytest.mark.parametrize("name", PARAMS)
def test_every_param_has_a_type_and_a_description_and_is_named_in_the_docs(name: str, dag: Any) -> None:
    schema = dag["params"][name]
    assert schema["type"]
    assert len(schema["description"]) > 20
    assert re.search(rf"`{name}`", dag["doc_md"])
    assert dag["defaults"][name] == PARAMS[name].default


def test_there_are_no_other_params(dag: Any) -> None:
    assert sorted(dag["params"]) == sorted(PARAMS)


def test_the_deadline_alert_is_one_that_airflow_can_store_and_call(dag: Any) -> None:
    assert dag["deadlines"] == ["runtime_guard.airflow.deadline_alert.report_breach"]


def test_reading_the_dag_loads_nothing_heavy(tmp_path: Path) -> None:
    before, loaded = in_airflow(LOADED, tmp_path)
    assert "batch_predictions.dag" in loaded
    assert [name for name in HEAVY if name in loaded] == []
    assert [name for name in ("tensorflow", "keras", "openvino", "matplotlib") if name in before] == []

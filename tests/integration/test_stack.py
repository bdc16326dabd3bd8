"""A stack that is up: its schedule, its alerts, its refusals, and what it shows to the outside."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import psutil
import pytest

from local_stack import processes
from local_stack.airflow_api import DagRun
from local_stack.layout import Layout
from local_stack.stack_secrets import load_secrets
from run_contract.files import read_json, read_json_lines
from run_contract.layout import RunPaths, Workspace, run_key
from tests.conftest import RunningStack
from tests.integration.commands import make, processes_of, wait_until

pytestmark = pytest.mark.slow


def files_of(stack: RunningStack, dag_run: DagRun) -> RunPaths:
    return Workspace(stack.workspace).run(run_key(dag_run.due))


def wait_for_end(stack: RunningStack, dag_run: DagRun) -> str:
    run_id = dag_run.run_id
    wait_until(lambda: not stack.api.run(run_id).is_unfinished, f"{run_id} has ended")
    return stack.api.run(run_id).state


def test_unpaused_it_runs_by_its_schedule(stack: RunningStack) -> None:
    stack.api.unpause()
    wait_until(lambda: stack.api.runs(), "the schedule has made a run")
    (dag_run,) = stack.api.runs()
    assert dag_run.run_type == "scheduled"
    assert wait_for_end(stack, dag_run) == "success"
    run = files_of(stack, dag_run)
    assert run.run_key.endswith("T000000Z")
    assert read_json(run.metrics)["rows"] == 92
    assert (stack.workspace / "published" / "current").resolve() == run.root.resolve()
    assert set(stack.api.task_states(dag_run.run_id).values()) == {"success"}


def test_a_run_past_its_interval_is_alerted_once_and_still_published(stack: RunningStack) -> None:
    stack.api.unpause()
    dag_run = stack.api.trigger({"limit": 5, "interval": "1s"})
    assert wait_for_end(stack, dag_run) == "success"
    run = files_of(stack, dag_run)
    (alert,) = read_json_lines(run.alerts)
    assert alert["level"] == "breached"
    assert run.run_key in alert["text"]
    wait_until(lambda: stack.api.task_states(dag_run.run_id)["watch_runtime"] == "success", "the watch has ended")


def test_refused_by_the_plan_before_any_core_is_spent(stack: RunningStack) -> None:
    stack.api.unpause()
    first = stack.api.trigger({"limit": 5})
    assert wait_for_end(stack, first) == "success"  # now there is a history to forecast from
    dag_run = stack.api.trigger({"interval": "1s", "on_overrun": "refuse"})
    assert wait_for_end(stack, dag_run) == "failed"
    run = files_of(stack, dag_run)
    assert "refused (on_overrun=refuse)" in read_json(run.failure)["message"]
    assert not run.predictions.exists()


def test_misspelt_param_is_refused(stack: RunningStack) -> None:
    stack.api.unpause()
    dag_run = stack.api.trigger({"eror_budget": 0.5})
    assert wait_for_end(stack, dag_run) == "failed"
    assert "parameter eror_budget: there is no such Param" in read_json(files_of(stack, dag_run).failure)["message"]


def test_bad_input_is_one_line_and_leaves_the_published_table(stack: RunningStack, server: str, tmp_path: Path) -> None:
    """Through make run on the stack that is up."""
    whole_model = Path(__file__).parents[2] / "models" / "cats_vs_dogs.h5"
    broken_model = tmp_path / "broken.h5"
    broken_model.write_bytes(whole_model.read_bytes()[:100_000])
    published = stack.workspace / "published" / "current"
    before = published.resolve() if published.exists() else None
    for options, expected in (
        ({"source": f"{server}/none.zip"}, f"source {server}/none.zip: the server answered 404"),
        ({"source": f"{server}/page.zip"}, f"source {server}/page.zip: not a zip archive"),
        ({"model": broken_model, "limit": 5}, f"model {broken_model}: the HDF5 file is cut short or damaged"),
    ):
        finished = make("run", stack.workspace, **options).wait()
        assert finished.code != 0
        assert expected in finished.output
        assert "Traceback" not in finished.output
        assert len(finished.output.splitlines()) < 20
        assert (published.resolve() if published.exists() else None) == before


def test_every_port_is_on_loopback(stack: RunningStack) -> None:
    listening = [
        connection.laddr
        for process in processes.find(Layout(stack.workspace).mark)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert stack.addresses.airflow in {address.port for address in listening}
    assert stack.addresses.master in {address.port for address in listening}
    assert {address.ip for address in listening} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_secrets_are_private_and_in_no_command_line(stack: RunningStack) -> None:
    layout = Layout(stack.workspace)
    for path in (layout.secrets, layout.passwords, layout.spark_properties):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secrets = load_secrets(layout)
    values = {secrets.fernet, secrets.jwt, secrets.api, secrets.spark, secrets.password}
    lines = [" ".join(process.cmdline()) for process in processes.find(layout.mark)]
    assert not [line for line in lines if any(value in line for value in values)]
    logs = "".join(path.read_text(errors="replace") for path in layout.root.rglob("*.log"))
    assert not [value for value in values if value in logs]


def test_master_that_is_down_is_named(workspace: Path) -> None:
    environment = {
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "spark://127.0.0.1:1"}),
        "BATCH_PREDICTIONS_RETRY_SECONDS": "0.5",
    }
    finished = make("run", workspace, environment=environment, limit=5).wait()
    assert finished.code != 0
    assert "predict: Spark master spark://127.0.0.1:1: it does not answer" in finished.output
    assert "Traceback" not in finished.output
    assert processes_of(workspace) == []
    assert not (workspace / "published").exists()

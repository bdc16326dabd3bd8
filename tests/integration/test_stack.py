"""A stack that is up: its schedule, its alerts, its refusals, its sources, and what others can see of it."""

from __future__ import annotations

import csv
import stat
from pathlib import Path

import psutil
import pytest

from local_stack import processes
from local_stack.layout import Layout
from local_stack.stack_secrets import load_secrets
from run_contract.record import read_records, require_record
from run_contract.records.alert import AlertRecord
from run_contract.records.failure import FailureRecord
from run_contract.records.metrics import MetricsRecord
from tests.conftest import REAL_ARCHIVE, RunningStack
from tests.integration.commands import make, wait_until

pytestmark = pytest.mark.slow


def test_unpaused_it_runs_by_its_schedule(stack: RunningStack) -> None:
    stack.api.unpause()
    wait_until(lambda: stack.api.runs(), "the schedule has made a run")
    (dag_run,) = stack.api.runs()
    assert dag_run.run_type == "scheduled"
    assert stack.wait_for_end(dag_run) == "success"
    run = stack.files_of(dag_run)
    assert run.run_key.endswith("T000000Z")
    assert require_record(MetricsRecord, run.metrics).rows == 92
    assert (stack.workspace / "published" / "current").resolve() == run.root.resolve()
    assert set(stack.api.task_states(dag_run.run_id).values()) == {"success"}


def test_a_run_past_its_interval_is_alerted_once_and_still_published(stack: RunningStack) -> None:
    stack.api.unpause()
    dag_run = stack.api.trigger({"limit": 5, "interval": "1s"})
    assert stack.wait_for_end(dag_run) == "success"
    run = stack.files_of(dag_run)
    (alert,) = read_records(AlertRecord, run.alerts)
    assert alert.level == "breached"
    assert run.run_key in alert.text
    wait_until(lambda: stack.api.task_states(dag_run.run_id)["watch_runtime"] == "success", "the sensor has ended")


def test_refused_by_the_plan_before_any_core_is_spent(stack: RunningStack) -> None:
    stack.published_run()  # the forecast needs a run in the history
    dag_run = stack.api.trigger({"interval": "1s", "on_overrun": "refuse"})
    assert stack.wait_for_end(dag_run) == "failed"
    run = stack.files_of(dag_run)
    assert "refused (on_overrun=refuse)" in require_record(FailureRecord, run.failure).message
    assert not run.predictions.exists()


def test_misspelt_param_is_refused(stack: RunningStack) -> None:
    stack.api.unpause()
    dag_run = stack.api.trigger({"eror_budget": 0.5})
    assert stack.wait_for_end(dag_run) == "failed"
    failure = require_record(FailureRecord, stack.files_of(dag_run).failure)
    assert "parameter eror_budget: there is no such Param" in failure.message


def test_archive_over_http(stack: RunningStack, archive: Path, server: str, real_archive_server: str) -> None:
    """The 3,000 real photos where they are available, else 1,500 images of the sample, some of them broken."""
    real = REAL_ARCHIVE.exists()
    source = f"{real_archive_server}/{REAL_ARCHIVE.name}" if real else f"{server}/{archive.name}"
    finished = make("run", stack.workspace, source=source).wait()
    assert finished.code == 0, finished.output
    published = stack.workspace / "published"
    metrics = require_record(MetricsRecord, published / "current" / "metrics.json")
    with open(published / "predictions.csv", encoding="utf-8", newline="") as file:
        paths = {row["img_path"] for row in csv.DictReader(file)}
    assert metrics.rows == len(paths) == (3000 if real else 1500)
    if real:
        assert metrics.errors == 0
        assert metrics.accuracy_by_split["validation"] >= 0.98
    else:
        assert metrics.accuracy is not None
        assert metrics.accuracy >= 0.9


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

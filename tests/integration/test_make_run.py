"""make run: from nothing to a published table, two at once, refused, and interrupted and resumed."""

from __future__ import annotations

import csv
import json
import re
import shutil
from functools import partial
from pathlib import Path

import pytest

from local_stack import processes
from local_stack.layout import Layout
from run_contract.layout import Workspace
from run_contract.record import read_records
from run_contract.records.history import HistoryRecord
from run_contract.records.metrics import Verdict
from tests.integration.commands import Command, Finished, leftovers, make, processes_of, wait_until
from tests.integration.hold import Hold

pytestmark = pytest.mark.slow


def read_table(workspace: Path) -> list[dict[str, str]]:
    with open(workspace / "published" / "predictions.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def has_printed(command: Command, text: str) -> bool:
    return text in command.output


def history(workspace: Path) -> list[HistoryRecord]:
    return read_records(HistoryRecord, Workspace(workspace).history)


def test_from_nothing_to_a_table_beside_the_run_of_another_workspace(tmp_path: Path, converted_model: Path) -> None:
    workspace, other = tmp_path / "workspace", tmp_path / "other"
    shutil.copytree(converted_model, other / "models")
    command = make("run", workspace)
    wait_until(partial(has_printed, command, "download"), "the stack is up", command)
    beside = make("run", other, limit=20)

    assert_sample_is_published(workspace, command.wait())
    finished = beside.wait()
    assert finished.code == 0, finished.output
    assert "is taken by" in finished.output
    assert len(read_table(other)) == 20
    assert processes_of(other) == []


def assert_sample_is_published(workspace: Path, finished: Finished) -> None:
    assert finished.code == 0, finished.output
    rows = read_table(workspace)
    good = [row for row in rows if row["status"] == "predicted"]
    assert (len(rows), len(good)) == (92, 88)
    assert {row["img_path"]: row["error"].split(":")[0] for row in rows if row["status"] == "error"} == {
        "cats/cut-in-half.jpg": "undecodable",
        "cats/pixel-bomb.png": "too large",
        "dogs/web-page.jpg": "not an image",
        "dogs/zero-bytes.jpg": "empty",
    }
    right = sum(row["img_path"].startswith(row["prediction"].lower()) for row in good)
    assert right >= 0.9 * len(good)
    assert "92 rows: 88 predicted, 4 errors" in finished.output
    assert re.search(r"Cat +44 +0\n +Dog +0 +44", finished.output)
    (line,) = history(workspace)
    assert line.verdict is Verdict.VALID
    assert (line.rows, line.predicted, line.errors, line.workers, line.engine) == (92, 88, 4, 1, "openvino")
    assert processes_of(workspace) == []
    assert leftovers(workspace) == []
    assert not (workspace / ".stack" / "scratch").exists()


def test_a_second_run_is_refused_and_a_master_that_is_down_is_named(workspace: Path) -> None:
    environment = {
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "spark://127.0.0.1:1"}),
        "BATCH_PREDICTIONS_RETRY_SECONDS": "0.5",
    }
    command = make("run", workspace, environment=environment, limit=5)
    wait_until(partial(has_printed, command, "starting"), "the first has its lock", command)
    second = make("run", workspace).wait()
    assert second.code != 0
    assert "another make run or make up is using it" in second.output

    first = command.wait()
    assert first.code != 0
    assert "predict: Spark master spark://127.0.0.1:1: it does not answer" in first.output
    assert "Traceback" not in first.output + second.output
    assert processes_of(workspace) == []
    assert not (workspace / "published").exists()


class Interrupted:
    """One run of 1,100 images that is interrupted several times; each time nothing is left running or half-written."""

    def __init__(self, workspace: Path, source: Path) -> None:
        self.workspace, self._source = workspace, source
        self.hold = Hold(workspace)

    def start(self) -> Command:
        return make("run", self.workspace, source=self._source, workers=1, cores=1, limit=1100)

    def interrupt(self, command: Command) -> None:
        command.interrupt()
        stopped = command.wait()
        assert stopped.code != 0
        assert "interrupted; run the same command again to resume" in stopped.output
        assert "Traceback" not in stopped.output
        assert processes_of(self.workspace) == []
        assert leftovers(self.workspace) == []
        assert not (self.workspace / "published").exists()

    def interrupt_in(self, task: str, resumed: bool = True) -> None:
        """Start the command and interrupt it while `task` runs."""
        self.hold.hold(task)
        command = self.start()
        wait_until(partial(self.hold.reached, task), f"the task {task} runs", command)
        if resumed:
            # The scheduler may resume the run before the API server answers and the command prints this.
            wait_until(partial(has_printed, command, "resuming the interrupted run"), "the command follows it", command)
        self.interrupt(command)
        self.hold.release(task)

    def shards(self) -> dict[str, int]:
        """The committed shards with the time at which each was written."""
        found = self.workspace.glob("runs/*/predictions/shard-*.parquet")
        return {path.name: path.stat().st_mtime_ns for path in found}


def test_interrupted_at_any_time_the_last_run_finishes_it(workspace: Path, archive: Path) -> None:
    run = Interrupted(workspace, archive)
    command = run.start()
    wait_until(lambda: processes.find(Layout(workspace).mark, "api-server"), "Airflow is starting", command)
    run.interrupt(command)

    # A task that runs alone, one beside the sensor, and one at the end.
    run.interrupt_in("plan", resumed=False)
    command = run.start()
    wait_until(run.shards, "a shard is committed", command)
    run.interrupt(command)
    committed = run.shards()
    assert committed
    run.interrupt_in("publish")

    last = run.start().wait()
    assert last.code == 0, last.output
    assert "resuming the interrupted run" in last.output
    assert committed.items() <= run.shards().items()  # none was written again
    rows = read_table(workspace)
    assert len(rows) == len({row["img_path"] for row in rows}) == 1100
    assert len(history(workspace)) == 1
    assert len(list((workspace / "runs").iterdir())) == 1

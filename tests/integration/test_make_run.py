"""make run: from nothing to a published table, interrupted and resumed, twice at once."""

from __future__ import annotations

import csv
import json
import re
import shutil
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import REAL_ARCHIVE
from tests.integration.commands import Command, leftovers, make, processes_of, wait_until
from tests.integration.hold import Hold

pytestmark = pytest.mark.slow

HELD = ("download", "plan", "predict", "publish")  # each kind of task: alone, beside the watch, after it


def read_table(workspace: Path) -> list[dict[str, str]]:
    with open(workspace / "published" / "predictions.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def said(command: Command, text: str) -> bool:
    return text in command.output


def history(workspace: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (workspace / "history.jsonl").read_text().splitlines()]


def test_sample_is_predicted_published_and_summed_up(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    finished = make("run", workspace).wait()
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
    assert line["verdict"] == "valid"
    assert {"run_key", "rows", "predicted", "errors", "cores", "workers", "engine", "precision"} <= set(line)
    assert processes_of(workspace) == []
    assert leftovers(workspace) == []
    assert not (workspace / ".stack" / "scratch").exists()


def test_two_at_once_on_two_workspaces(tmp_path: Path, converted_model: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(converted_model, tmp_path / name / "models")
    commands = [make("run", tmp_path / name, limit=20) for name in ("one", "two")]
    for command, name in zip(commands, ("one", "two"), strict=True):
        finished = command.wait()
        assert finished.code == 0, finished.output
        assert len(read_table(tmp_path / name)) == 20
        assert processes_of(tmp_path / name) == []
    assert any("is taken by" in command.output for command in commands)


def test_second_on_the_same_workspace_is_refused_while_the_first_works(workspace: Path) -> None:
    first = make("run", workspace, limit=5)
    wait_until(lambda: (workspace / ".stack" / "lock").exists(), "the first has its lock", first)
    wait_until(lambda: "starting" in first.output, "the first is starting", first)
    second = make("run", workspace).wait()
    assert second.code != 0
    assert "another make run or make up is using it" in second.output
    first.interrupt()
    first.wait()
    assert processes_of(workspace) == []


def test_interrupted_in_one_task_after_the_other_the_last_run_finishes_it(workspace: Path) -> None:
    hold = Hold(workspace)
    for task in HELD:
        hold.hold(task)
        command = make("run", workspace, limit=5)
        wait_until(partial(hold.reached, task), f"the task {task} runs", command)
        if task != HELD[0]:
            # The scheduler may take the run up again before the API server answers and the command says so.
            wait_until(partial(said, command, "resuming the interrupted run"), "the command follows the run", command)
        command.interrupt()
        stopped = command.wait()
        assert stopped.code != 0
        assert "interrupted; run the same command again to resume" in stopped.output
        assert "Traceback" not in stopped.output
        assert processes_of(workspace) == []
        assert leftovers(workspace) == []
        assert not (workspace / "published").exists()
        hold.release(task)

    last = make("run", workspace, limit=5).wait()
    assert last.code == 0, last.output
    assert "resuming the interrupted run" in last.output
    assert len(read_table(workspace)) == 5
    assert len(history(workspace)) == 1
    assert len(list((workspace / "runs").iterdir())) == 1


def test_interrupted_while_predicting_keeps_what_was_committed(workspace: Path, archive: Path) -> None:
    first = make("run", workspace, source=archive, workers=1, cores=1, limit=1100)

    def shards() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in workspace.glob("runs/*/predictions/shard-*.parquet")}

    wait_until(shards, "a shard is committed", first)
    first.interrupt()
    assert first.wait().code != 0
    committed = shards()
    assert len(committed) > 0
    assert leftovers(workspace) == []

    second = make("run", workspace, source=archive, workers=1, cores=1, limit=1100).wait()
    assert second.code == 0, second.output
    assert committed.items() <= shards().items()  # none was written again
    rows = read_table(workspace)
    assert len(rows) == len({row["img_path"] for row in rows}) == 1100


def test_archive_over_http(workspace: Path, archive: Path, server: str, real_archive_server: str) -> None:
    """The 3,000 real photos where they are there, else 1,500 pictures of the sample, some of them broken."""
    real = REAL_ARCHIVE.exists()
    source = f"{real_archive_server}/{REAL_ARCHIVE.name}" if real else f"{server}/{archive.name}"
    finished = make("run", workspace, source=source).wait()
    assert finished.code == 0, finished.output
    metrics = json.loads((workspace / "published" / "current" / "metrics.json").read_text())
    assert metrics["rows"] == len({row["img_path"] for row in read_table(workspace)}) == (3000 if real else 1500)
    if real:
        assert metrics["errors"] == 0
        assert metrics["accuracy_by_split"]["validation"] >= 0.98
    else:
        assert metrics["accuracy"] >= 0.9

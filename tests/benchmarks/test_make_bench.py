"""`make bench`, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.commands import make, processes_of, wait_until

pytestmark = pytest.mark.nightly
SECONDS = 1200.0
FIGURES = ("wall_seconds", "startup_seconds", "peak_mb")


def test_bench_measures_and_leaves_nothing_running(tmp_path: Path) -> None:
    workspace, output = tmp_path / "workspace", tmp_path / "output"
    command = make(
        "bench", workspace, images=60, rounds=1, only="bare,ours,notebook,beam", source="generated", output=output
    )
    ended = command.wait(SECONDS)
    assert ended.code == 0, ended.output
    results = json.loads((output / "results.json").read_text())
    rows = {row["name"]: row for row in results["contenders"]}
    for name in ("bare", "ours", "notebook"):
        assert all(rows[name]["median"][figure] > 0 for figure in FIGURES), rows[name]
        assert rows[name]["labels_as_keras"] == rows[name]["measured_images"] == 60
        assert len(rows[name]["rounds"]) == 1
    assert rows["ours"]["own_precision"] == "f32"
    assert results["machine"]["cpu"]
    assert results["images"] == 60
    assert (output / "results.png").stat().st_size > 10_000
    assert "round 1 of 1  ours: 60 images in" in ended.output
    assert processes_of(workspace) == []


def test_interrupted_bench_leaves_nothing_running(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    command = make("bench", workspace, images=2000, only="bare", source="generated", output=tmp_path / "output")
    wait_until(lambda: "labels of Keras" in command.output, "the cluster is up", command)
    assert processes_of(workspace)
    command.interrupt()
    ended = command.wait()
    assert "interrupted" in ended.output
    assert processes_of(workspace) == []
    assert not (tmp_path / "output").exists()

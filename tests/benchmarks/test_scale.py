"""make bench-scale: what it asks, what it measures, and the whole of it on a few rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest

from batch_predictions.path_labels import label_of, split_of
from benchmarks.noop_predict import NoopScorerFactory
from benchmarks.scale import LIMIT_MB, STAGES, Usage, over_limit, parse_options, peak_of, processes_of
from benchmarks.scale_plot import draw, make_table
from benchmarks.scale_stage import LABELS, images
from benchmarks.scale_stage import main as run_stage
from local_stack.options import UsageError
from local_stack.processes import find
from run_contract.image_paths import decode_path
from run_contract.layout import Workspace, shard_name
from run_contract.record import require_record
from run_contract.records.manifest import ManifestRecord
from run_contract.records.metrics import MetricsRecord, Verdict
from tests.helpers import REPOSITORY, write_predictions


def results_of(peak_mb: float = 100.0) -> dict[str, Any]:
    stages = [
        {
            "stage": stage,
            "rows": rows,
            "seconds": rows / 100,
            "cpu_seconds": rows / 200,
            "peak_mb": {"driver's JVM": peak_mb, "driver's Python": peak_mb}
            if stage == "predict"
            else {"task": peak_mb},
        }
        for rows in (1000, 10_000)
        for stage in STAGES
    ]
    return {"rows": [1000, 10_000], "limit_mb": LIMIT_MB, "stages": stages}


def test_options() -> None:
    options = parse_options([])
    assert (options.rows, options.output) == (10_000_000, REPOSITORY / "benchmarks")
    options = parse_options(["ROWS=2000", "OUTPUT=out", "WORKSPACE=/w"])
    assert (options.rows, options.output, options.workspace) == (2000, Path.cwd() / "out", Path("/w"))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("ROWS=many", "ROWS=many: it must be a whole number"),
        ("ROWS=999", "at least 1,000"),
        ("ROW=1", "no such option"),
    ],
)
def test_options_that_are_refused(word: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_options([word])


def test_the_made_up_images_all_differ_and_have_labels_and_splits() -> None:
    paths = [found.path.decode() for found in images(2500)]
    assert len(set(paths)) == 2500
    assert {label_of(path, LABELS) for path in paths} == set(LABELS)
    assert {split_of(path) for path in paths} == {"train", "validation"}


def test_manifest_validate_and_publish_take_the_rows_of_the_scorer(tmp_path: Path) -> None:
    run = Workspace(tmp_path).run("rows-2000")
    run_stage("manifest", str(tmp_path), run.run_key, "2000")
    for shard in range(require_record(ManifestRecord, run.manifest_summary).shards):
        rows = pq.read_table(run.manifest / shard_name(shard)).to_pandas()
        result = NoopScorerFactory().open().score(rows.img_path, rows.size_bytes, rows.modified_ns)
        result = result.astype(object).where(result.notna(), None)
        made = pd.concat([rows[["img_path"]], result], axis=1).assign(model=NoopScorerFactory().model_id)
        write_predictions(run, made.to_dict("records"), shard)
    run_stage("validate", str(tmp_path), run.run_key, "2000")
    run_stage("publish", str(tmp_path), run.run_key, "2000")
    metrics = require_record(MetricsRecord, run.metrics)
    assert (metrics.rows, metrics.errors, metrics.verdict) == (2000, 20, Verdict.VALID)
    lines = run.predictions_csv.read_text().splitlines()[1:]
    assert [decode_path(line.split(",")[0]) for line in lines] == [found.path for found in images(2000)]


def test_the_peak_stays_when_the_memory_is_given_back() -> None:
    code = "import sys; block = bytearray(300_000_000); del block; print('done', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        usage = Usage(lambda: processes_of(process.pid, None))
        usage.probe()
        process.stdin.close()
    assert usage.peaks["task"] > 300e6
    assert usage.cpu_seconds > 0
    assert peak_of(psutil.Process(os.getpid())) > 0
    assert list(processes_of(process.pid, None)) == []


def test_memory_over_the_limit_is_told() -> None:
    assert over_limit(results_of(LIMIT_MB / 2)["stages"]) == []
    faults = over_limit(results_of(LIMIT_MB / 2 + 1)["stages"])
    assert faults == [
        "predict of 1,000 rows: driver took 2,002 MB, over 2,000",
        "predict of 10,000 rows: driver took 2,002 MB, over 2,000",
    ]
    assert len(over_limit(results_of(LIMIT_MB + 1)["stages"])) == 12


def test_the_table_and_the_picture(tmp_path: Path) -> None:
    table = make_table(results_of())
    assert table.row_count == 3 * 3 + 5
    assert list(table.columns[2].cells)[2] == "x 10.0"
    draw(results_of(), tmp_path / "scale.png")
    assert (tmp_path / "scale.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.nightly
def test_twenty_thousand_rows_go_through_a_real_cluster(tmp_path: Path) -> None:
    command = ["make", "bench-scale", "ROWS=20000", f"OUTPUT={tmp_path}", f"WORKSPACE={tmp_path / 'work'}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "scale.json").read_text())
    assert results["rows"] == [2000, 20_000]
    assert [(item["stage"], item["rows"]) for item in results["stages"]] == [
        (stage, rows) for rows in results["rows"] for stage in STAGES
    ]
    for item in results["stages"]:
        kinds = {"driver's JVM", "driver's Python", "executor's JVM", "Python worker"}
        assert set(item["peak_mb"]) == (kinds if item["stage"] == "predict" else {"task"})
        assert 50 < min(item["peak_mb"].values()) <= max(item["peak_mb"].values()) < LIMIT_MB
    assert (tmp_path / "scale.png").exists()
    assert os.listdir(tmp_path / "work" / "runs") == []
    assert find(str(tmp_path / "work" / ".stack")) == []

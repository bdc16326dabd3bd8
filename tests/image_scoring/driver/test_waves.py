"""How the driver counts the shards of a wave. tests/faults tests whole waves."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from image_scoring.driver.fencing_token import FencingToken
from image_scoring.driver.progress import ProgressReporter
from image_scoring.driver.waves import Wave, WaveRunner
from tests.helpers import PREDICTION_SCHEMA, make_run, manifest_paths, predicted


def test_a_shard_that_spark_predicted_twice_is_counted_once(tmp_path: Path) -> None:
    """The executor died after the work, but before it could report the end of the task."""
    _, run = make_run(tmp_path, ["a.jpg", "b.jpg"])
    run.predictions.mkdir()
    rows = pa.Table.from_pylist([predicted(path) for path in manifest_paths(run)], PREDICTION_SCHEMA)
    staged = tmp_path / "staged"
    staged.mkdir()
    pq.write_table(rows.append_column("shard", pa.array([0, 0], pa.int32())), staged / "part-0-first.parquet")
    shutil.copy(staged / "part-0-first.parquet", tmp_path / "again.parquet")
    progress, nothing = ProgressReporter(run.progress, run.run_key, "a"), _no_spark()
    runner = WaveRunner(nothing, nothing, run, nothing, FencingToken(run.fencing_token), progress)
    wave = Wave([0], staged)
    runner._commit(wave)
    shutil.copy(tmp_path / "again.parquet", staged / "part-0-again.parquet")
    runner._commit(wave)
    assert (progress.record.rows_done, progress.record.shards_done, wave.committed) == (2, 1, {0})


def _no_spark() -> Any:
    """Counting needs no Spark."""
    return None

"""A workspace whose images change from run to run, for the tests of incremental runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from batch_predictions.manifest import build_manifest
from batch_predictions.publish import export_csv, point
from image_scoring.driver.base_run import choose_base_run
from image_scoring.worker.incremental import NO_STAMP_NS, BaseRun, BaseRunResults
from run_contract import manifest_layout
from run_contract.layout import RunPaths, Workspace, shard_name, shard_numbers
from run_contract.record import write_record
from run_contract.records.dataset import DatasetRecord
from run_contract.records.predict import ScoringRecord
from run_contract.table import ERROR
from tests.helpers import LABELS, predicted, write_predictions

SCORING = ScoringRecord(
    model="m@1",
    spec={"threshold": 0.5, "labels": ["Cat", "Dog"]},
    engine="openvino",
    precision="f32",
    band=None,
    low=None,
    versions={"numpy": "2.0"},
)
STAMP = NO_STAMP_NS + 10**9
NAMES = [f"{directory}{number:02d}.jpg" for directory in ("", "a/", "a/b/", "c/") for number in range(10)]

Row = dict[str, Any]


class IncrementalRuns:
    """A workspace and a directory of images that change from run to run."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.workspace = Workspace(root / "workspace")
        self.images = root / "images"
        self._monkeypatch = monkeypatch

    def put(self, *names: str | bytes, size: int = 3, stamp: int = STAMP) -> None:
        """Write files with these names, this size and this modification time in nanoseconds."""
        for name in names:
            path = os.path.join(os.fsencode(self.images), os.fsencode(name))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(b"x" * size)
            os.utime(path, ns=(stamp, stamp))

    def run(self, key: str, shard_rows: int = 4, scoring: ScoringRecord = SCORING) -> RunPaths:
        """Return a run over the present images, not predicted yet; its first shards have `shard_rows` rows."""
        self._monkeypatch.setattr(manifest_layout, "FIRST_SHARD_ROWS", shard_rows)
        run = self.workspace.run(key)
        build_manifest(run, DatasetRecord(str(self.images), str(self.images), "test"), LABELS)
        write_record(run.scoring, scoring)
        return run

    def published(self, key: str, shard_rows: int = 4, outcome: Callable[[Row], Row] | None = None) -> RunPaths:
        """Return a run over the present images that is predicted and published."""
        run = predict_all(self.run(key, shard_rows), outcome or outcome_of)
        self.publish(run)
        return run

    def publish(self, run: RunPaths) -> None:
        """Link a run as the task publish does."""
        self.workspace.published.mkdir(exist_ok=True)
        point(self.workspace.published / "current", Path("..") / "runs" / run.run_key)


def outcome_of(row: Row) -> Row:
    """Return the row that the model of these tests gives; it depends on path, size and modification time."""
    number = int(sha256(f"{row['img_path']} {row['size_bytes']} {row['modified_ns']}".encode()).hexdigest()[:6], 16)
    if number % 5 == 0:
        return failed(row, "undecodable: broken, at " + str(number))
    return predicted(row["img_path"], prediction=LABELS[number % 2], probability=np.float32(number / 2**24))


def failed(row: Row, error: str) -> Row:
    """Return the error row for a row of the manifest."""
    return predicted(row["img_path"], prediction=None, probability=None, status=ERROR, error=error)


def rows_of(run: RunPaths, shard: int) -> list[Row]:
    """Return the rows of a shard of the manifest."""
    rows: list[Row] = pq.read_table(run.manifest / shard_name(shard)).to_pylist()
    return rows


def predict_all(run: RunPaths, outcome: Callable[[Row], Row] = outcome_of) -> RunPaths:
    """Write the predictions of all shards."""
    for shard in shard_numbers(run.manifest):
        write_predictions(run, [outcome(row) for row in rows_of(run, shard)], shard)
    return run


def find(base_results: BaseRunResults, rows: list[Row]) -> tuple[pd.DataFrame, list[bool]]:
    """Return what the base run has for rows of a manifest, and for which of them."""
    paths = pd.Series([row["img_path"] for row in rows], dtype=object)
    sizes, stamps = (pd.Series([row[name] for row in rows], dtype="int64") for name in ("size_bytes", "modified_ns"))
    frame, found = base_results.find(paths, sizes, stamps)
    assert len(frame) == len(found) == len(rows)
    assert list(frame.index) == list(range(len(rows)))
    return frame, found.tolist()


def predict_new(run: RunPaths, base_run: BaseRun | None, outcome: Callable[[Row], Row] = outcome_of) -> list[str]:
    """Predict what is not carried over, shard by shard; return the paths of those images."""
    base_results, fresh = BaseRunResults(base_run) if base_run else None, []
    for shard in shard_numbers(run.manifest):
        rows = rows_of(run, shard)
        frame, found = (
            find(base_results, rows) if base_results else (pd.DataFrame(index=range(len(rows))), [False] * len(rows))
        )
        results = frame.astype(object).where(frame.notna(), None).to_dict("records")
        write_predictions(
            run,
            [
                predicted(row["img_path"], **result) if carried else outcome(row)
                for row, result, carried in zip(rows, results, found, strict=True)
            ],
            shard,
        )
        fresh += [row["img_path"] for row, carried in zip(rows, found, strict=True) if not carried]
    return fresh


def table_of(run: RunPaths) -> bytes:
    """Return predictions.csv as publish would write it."""
    export_csv(run, run.predictions_csv)
    return run.predictions_csv.read_bytes()


def base_run_of(runs: IncrementalRuns, run: RunPaths) -> BaseRun:
    """Return the base run, which must exist."""
    base_run = choose_base_run(runs.workspace, run)
    assert base_run is not None
    return base_run

"""The task publish: make a valid run visible to readers, in one step."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from batch_predictions.report import write_report
from batch_predictions.shard_hash import hash_shards
from run_contract.errors import BatchPredictionsError
from run_contract.files import remove, replace_atomically
from run_contract.layout import RunPaths, Workspace, shard_name, shard_numbers
from run_contract.record import read_readable, require_record, write_record
from run_contract.records.metrics import MetricsRecord, TableRecord, Verdict
from run_contract.table import PREDICTION_COLUMNS

log = logging.getLogger(__name__)


def publish(workspace: Workspace, run: RunPaths) -> MetricsRecord:
    """Write the run's CSV and report, then point published/current at the run; return the run's metrics.

    A reader of published/current sees the previous run or this one, never a mix. A run older than the published one (a
    backfill) gets its CSV and report, but the newer run stays published. Raises BatchPredictionsError if the run is not
    valid, or if its predictions are not those that its metrics were made from.
    """
    metrics = require_record(MetricsRecord, run.metrics)
    if metrics.verdict != Verdict.VALID:
        raise BatchPredictionsError(
            f"run {run.run_key}: its predictions are not valid, so they are not published; see the faults in "
            f"{run.metrics}, fix their cause and run the task validate again"
        )
    _check_shards(run, metrics)
    _export_once(run, metrics)
    _report(workspace, run)
    current = workspace.published_run()
    if current and current > run.run_key:
        log.warning("run %s: completed, but the newer run %s stays published", run.run_key, current)
        return metrics
    workspace.published.mkdir(parents=True, exist_ok=True)
    point(workspace.published / "current", Path("..") / "runs" / run.run_key)
    point(workspace.published / "predictions.csv", Path("current") / run.predictions_csv.name)
    log.info("published run %s: %s", run.run_key, workspace.published / "predictions.csv")
    return metrics


def _check_shards(run: RunPaths, metrics: MetricsRecord) -> None:
    if hash_shards(run) != metrics.shards_sha256:
        raise BatchPredictionsError(
            f"run {run.run_key}: its predictions changed after they were validated, so they are not published; run the "
            "task validate again"
        )


def _export_once(run: RunPaths, metrics: MetricsRecord) -> None:
    """Write the run's CSV, unless it is there and was made from the same shards as the metrics."""
    made_from = read_readable(TableRecord, run.table)
    if made_from and made_from.shards_sha256 == metrics.shards_sha256 and run.predictions_csv.exists():
        return
    remove(run.table)  # first: a kill in between must not leave a table with the record of another one
    export_csv(run, run.predictions_csv)
    _check_shards(run, metrics)
    write_record(run.table, TableRecord(metrics.shards_sha256))


def _report(workspace: Workspace, run: RunPaths) -> None:
    """Write the report; a failure is logged and does not prevent the publication of a valid run."""
    try:
        write_report(workspace, run)
    except Exception as error:
        log.warning(
            "run %s: published without a report, which could not be made (%s: %s); clear the task publish to try again",
            run.run_key,
            type(error).__name__,
            error,
        )


def point(link: Path, target: Path) -> None:
    """Make `link` a symbolic link to `target` in one step, whatever it was before."""
    with replace_atomically(link) as part:
        part.symlink_to(target)


def export_csv(run: RunPaths, target: Path) -> None:
    """Write all predictions as one CSV with the columns PREDICTION_COLUMNS, in the manifest's order, shard by shard.

    A probability has the fewest digits that give the same float32.
    """
    with replace_atomically(target) as part, open(part, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(PREDICTION_COLUMNS)
        for shard in shard_numbers(run.predictions):
            path = run.predictions / shard_name(shard)
            # Reading so few rows in threads takes more processor time than it saves.
            table = pq.read_table(path, columns=list(PREDICTION_COLUMNS), use_threads=False)
            columns = (column.cast(pa.string()).to_pylist() for column in table.columns)
            writer.writerows(zip(*columns, strict=True))

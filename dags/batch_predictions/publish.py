"""The task publish: a valid run becomes what readers see, all of it at once."""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from batch_predictions.report import write_report
from run_contract.errors import BatchPredictionsError
from run_contract.files import read_json, replace_atomically
from run_contract.layout import RunPaths, Workspace, shard_name, shard_numbers
from run_contract.table import PREDICTION_COLUMNS

log = logging.getLogger(__name__)


def publish(workspace: Workspace, run: RunPaths) -> dict[str, Any]:
    """Writes the run's CSV and report, then points published/current at the run; returns the run's metrics.

    A reader of published/current sees the old run or the new one, never a mix. A run older than the published
    one (a backfill) is completed and left where it is. Raises BatchPredictionsError when the run is not valid.
    """
    metrics: dict[str, Any] | None = read_json(run.metrics)
    if metrics is None or metrics["verdict"] != "valid":
        raise BatchPredictionsError(
            f"run {run.run_key}: it has not been found valid, so it is not published; run the task validate first"
        )
    if not run.predictions_csv.exists():
        export_csv(run, run.predictions_csv)
    _report(workspace, run)
    current = workspace.published_run()
    if current and current > run.run_key:
        log.warning("run %s: the newer run %s stays published", run.run_key, current)
        return metrics
    workspace.published.mkdir(parents=True, exist_ok=True)
    point(workspace.published / "current", Path("..") / "runs" / run.run_key)
    point(workspace.published / "predictions.csv", Path("current") / run.predictions_csv.name)
    log.info("published run %s: %s", run.run_key, workspace.published / "predictions.csv")
    return metrics


def _report(workspace: Workspace, run: RunPaths) -> None:
    """A page that cannot be drawn keeps no valid run from its readers."""
    try:
        write_report(workspace, run)
    except Exception as error:
        log.warning(
            "run %s: published without a report, which could not be made (%s: %s); to try again clear the task publish",
            run.run_key,
            type(error).__name__,
            error,
        )


def point(link: Path, target: Path) -> None:
    """Makes `link` a symbolic link to `target` in one step, whatever it was before."""
    with replace_atomically(link) as part:
        part.symlink_to(target)


def export_csv(run: RunPaths, target: Path) -> None:
    """One CSV of all predictions in the manifest's order, a shard at a time: img_path, prediction, ...

    Probabilities are written with the fewest digits that give the same float32 back.
    """
    with replace_atomically(target) as part, open(part, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(PREDICTION_COLUMNS)
        for shard in shard_numbers(run.predictions):
            path = run.predictions / shard_name(shard)
            # Threads for the columns of so few rows take more processor time than reading them.
            table = pq.read_table(path, columns=list(PREDICTION_COLUMNS), use_threads=False)
            columns = (column.cast(pa.string()).to_pylist() for column in table.columns)
            writer.writerows(zip(*columns, strict=True))

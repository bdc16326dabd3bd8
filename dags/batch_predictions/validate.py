"""The task validate: are the predictions exactly the manifest's, and good enough to publish?"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from batch_predictions.history import record_run
from batch_predictions.labels import split_of
from image_scoring.contract import (
    ERROR,
    PREDICTED,
    PREDICTION_COLUMNS,
    BatchPredictionsError,
    RunPaths,
    Workspace,
    shard_name,
)
from image_scoring.files import read_json, write_json

log = logging.getLogger(__name__)

LISTED_FAULTS = 20
HISTOGRAM_BINS = 20


class Invalid(BatchPredictionsError):
    """The predictions must not be published."""


def validate(workspace: Workspace, run: RunPaths, labels: tuple[str, ...], error_budget: float) -> dict[str, Any]:
    """Compares the predictions with the manifest, row by row and shard by shard; writes metrics.json and the run's
    line of history.jsonl, and returns the metrics.

    error_budget: the share of error rows that is still published, 0 to 1. Raises Invalid with the faults.
    """
    summary = read_json(run.manifest_summary)
    if summary is None:
        raise BatchPredictionsError(f"run {run.run_key}: it has no manifest; run the task manifest first")
    tally = Tally(labels)
    for shard in range(summary["shards"]):
        tally.add_shard(run.manifest / shard_name(shard), run.predictions / shard_name(shard))
    faults = tally.faults + _whole_run_faults(run, summary, tally, error_budget)
    metrics = {
        "run_key": run.run_key,
        "source": summary["source"],
        "skipped": summary["skipped"],
        **tally.metrics(),
        "verdict": "invalid" if faults else "valid",
        "faults": faults[:LISTED_FAULTS],
    }
    write_json(run.metrics, metrics)
    record_run(workspace, run, metrics)
    if faults:
        raise Invalid(
            f"run {run.run_key}: not valid, not published: {'; '.join(faults[:3])}"
            f"{f' and {len(faults) - 3} more' if len(faults) > 3 else ''}; see {run.metrics}"
        )
    log.info("valid: %s rows, %s errors", f"{tally.rows:,}", f"{tally.status[ERROR]:,}")
    return metrics


def _whole_run_faults(run: RunPaths, summary: dict[str, Any], tally: Tally, error_budget: float) -> list[str]:
    faults = []
    extra = len(list(run.predictions.glob("shard-*.parquet"))) - summary["shards"]
    if extra > 0:
        faults.append(f"{extra} shards of predictions that the manifest does not have")
    if not tally.faults and tally.rows != summary["rows"]:
        faults.append(f"{tally.rows:,} rows of predictions, the manifest has {summary['rows']:,}")
    share = tally.status[ERROR] / tally.rows if tally.rows else 0.0
    if share > error_budget:
        worst = ", ".join(f"{count:,} {reason}" for reason, count in tally.reasons.most_common(3))
        faults.append(
            f"{share:.1%} of the rows are errors ({worst}), the budget is {error_budget:.1%} (Param error_budget)"
        )
    return faults


class Tally:
    """What one pass over the shards counts. Holds one shard at a time."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self._labels = labels
        self.rows = 0
        self.faults: list[str] = []
        self.status: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.predictions: Counter[str] = Counter()
        self.confusion: Counter[tuple[str, str]] = Counter()
        self.right_by_split: Counter[str] = Counter()
        self.known_by_split: Counter[str] = Counter()
        self.histogram = [0] * HISTOGRAM_BINS

    def add_shard(self, manifest_shard: Path, prediction_shard: Path) -> None:
        name = prediction_shard.name
        if not prediction_shard.exists():
            self.faults.append(f"{name} is missing")
            return
        expected = pq.read_table(manifest_shard, columns=["img_path", "label"])
        try:
            found = pq.read_table(prediction_shard, columns=list(PREDICTION_COLUMNS))
        except (pa.ArrowException, OSError) as error:
            self.faults.append(f"{name} cannot be read ({' '.join(str(error).split())[:120]})")
            return
        if found.column("img_path") != expected.column("img_path"):
            self.faults.append(_describe_difference(name, expected, found))
            return
        self.rows += found.num_rows
        for row, label in zip(_rows(found), expected.column("label").to_pylist(), strict=True):
            self._add_row(row, label)

    def _add_row(self, row: dict[str, Any], label: str | None) -> None:
        self.status[row["status"]] += 1
        fault = self._fault_of(row)
        if fault:
            self.faults.append(f"{row['img_path']}: {fault}")
        elif row["status"] == ERROR:
            self.reasons[row["error"].partition(":")[0]] += 1
        else:
            self.predictions[row["prediction"]] += 1
            self.histogram[min(int(row["probability"] * HISTOGRAM_BINS), HISTOGRAM_BINS - 1)] += 1
            if label is not None:
                self.confusion[label, row["prediction"]] += 1
                split = split_of(row["img_path"])
                if split:
                    self.known_by_split[split] += 1
                    self.right_by_split[split] += label == row["prediction"]

    def _fault_of(self, row: dict[str, Any]) -> str | None:
        status, prediction, probability, error = (
            row[name] for name in ("status", "prediction", "probability", "error")
        )
        if status == ERROR:
            return None if error and prediction is None and probability is None else "an error row with a prediction"
        if status != PREDICTED:
            return f"unknown status {status!r}"
        if prediction not in self._labels:
            return f"unknown label {prediction!r}"
        if probability is None or not 0 <= probability <= 1:
            return f"probability {probability!r}"
        return None

    def metrics(self) -> dict[str, Any]:
        known = sum(self.confusion.values())
        right = sum(count for (label, prediction), count in self.confusion.items() if label == prediction)
        return {
            "rows": self.rows,
            "predicted": self.status[PREDICTED],
            "errors": self.status[ERROR],
            "errors_by_reason": dict(self.reasons.most_common()),
            "predictions": {label: self.predictions[label] for label in self._labels},
            "probability_histogram": self.histogram,
            "known_labels": known,
            "accuracy": right / known if known else None,
            "accuracy_by_split": {
                split: self.right_by_split[split] / count for split, count in sorted(self.known_by_split.items())
            },
            "confusion": [
                {"label": label, "prediction": prediction, "count": self.confusion[label, prediction]}
                for label in self._labels
                for prediction in self._labels
            ]
            if known
            else [],
        }


def _rows(table: Any) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=1024):
        yield from batch.to_pylist()


def _describe_difference(name: str, expected: Any, found: Any) -> str:
    """Where the paths of a shard first differ from the manifest's."""
    want, have = (table.column("img_path").to_pylist() for table in (expected, found))
    missing, repeated = set(want) - set(have), [path for path, count in Counter(have).items() if count > 1]
    if repeated:
        return f"{name}: {repeated[0]} is there twice"
    if missing:
        return f"{name}: {len(missing)} images of the manifest are missing, the first is {min(missing)}"
    return f"{name}: {len(have)} rows, not those of the manifest ({len(want)}) in its order"

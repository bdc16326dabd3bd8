"""The task validate: are the predictions exactly the manifest's, and good enough to publish?"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batch_predictions.gallery import Gallery
from batch_predictions.history import record_run
from batch_predictions.path_labels import split_of
from run_contract.errors import BatchPredictionsError
from run_contract.files import read_json, write_json
from run_contract.layout import RunPaths, Workspace, shard_name
from run_contract.table import ERROR, PREDICTED, PREDICTION_COLUMNS

log = logging.getLogger(__name__)

SCHEMA = pa.schema([(name, pa.float32() if name == "probability" else pa.string()) for name in PREDICTION_COLUMNS])
LISTED_FAULTS = 20
HISTOGRAM_BINS = 20


class Invalid(BatchPredictionsError):
    """The predictions must not be published."""


def validate(
    workspace: Workspace, run: RunPaths, labels: tuple[str, ...], error_budget: float, threshold: float = 0.5
) -> dict[str, Any]:
    """Compares the predictions with the manifest, row by row and shard by shard; writes metrics.json, gallery.parquet
    and the run's line of history.jsonl, and returns the metrics.

    error_budget: the share of error rows that is still published, 0 to 1. threshold: of the model's spec. Raises
    Invalid with the faults.
    """
    summary = read_json(run.manifest_summary)
    if summary is None:
        raise BatchPredictionsError(f"run {run.run_key}: it has no manifest; run the task manifest first")
    tally = Tally(labels, threshold)
    for shard in range(summary["shards"]):
        tally.add_shard(run, shard)
    for fault in _whole_run_faults(run, summary, tally, error_budget):
        tally.faults.add(fault)
    faults = tally.faults.listed
    metrics = {
        "run_key": run.run_key,
        "source": summary["source"],
        "skipped": summary["skipped"],
        **tally.metrics(),
        "verdict": "invalid" if faults else "valid",
        "faults": faults,
    }
    tally.gallery.write(run)
    write_json(run.metrics, metrics)
    record_run(workspace, run, metrics)
    if faults:
        raise Invalid(
            f"run {run.run_key}: not valid, not published: {'; '.join(faults[:3])}"
            f"{f' and {tally.faults.count - 3} more' if tally.faults.count > 3 else ''}; see {run.metrics}"
        )
    log.info("valid: %s rows, %s errors", f"{tally.rows:,}", f"{tally.status[ERROR]:,}")
    return metrics


def _whole_run_faults(run: RunPaths, summary: dict[str, Any], tally: Tally, error_budget: float) -> list[str]:
    faults = []
    extra = len(list(run.predictions.glob("shard-*.parquet"))) - summary["shards"]
    if extra > 0:
        faults.append(f"{extra} shards of predictions that the manifest does not have")
    if not tally.faults.count and tally.rows != summary["rows"]:
        faults.append(f"{tally.rows:,} rows of predictions, the manifest has {summary['rows']:,}")
    share = tally.status[ERROR] / tally.rows if tally.rows else 0.0
    if share > error_budget:
        worst = ", ".join(f"{count:,} {reason}" for reason, count in tally.reasons.most_common(3))
        faults.append(
            f"{share:.1%} of the rows are errors ({worst}), the budget is {error_budget:.1%} (Param error_budget)"
        )
    return faults


class Faults:
    """All are counted, the first few are kept: a run in which every row is at fault must fit, too."""

    def __init__(self) -> None:
        self.count = 0
        self.listed: list[str] = []

    def add(self, fault: str) -> None:
        self.count += 1
        if self.room():
            self.listed.append(fault)

    def room(self) -> int:
        """How many more are kept."""
        return LISTED_FAULTS - len(self.listed)


class Tally:
    """What one pass over the shards counts. Holds one shard at a time, and works on its columns, not on its rows."""

    def __init__(self, labels: tuple[str, ...], threshold: float) -> None:
        self._labels = labels
        self.gallery = Gallery(labels, threshold)
        self.rows = 0
        self.faults = Faults()
        self.status = {PREDICTED: 0, ERROR: 0}
        self.reasons: Counter[str] = Counter()
        self.predictions: Counter[str] = Counter()
        self.known: Counter[tuple[str | None, str, str]] = Counter()  # split, label, prediction
        self.histogram = np.zeros(HISTOGRAM_BINS, np.int64)

    def add_shard(self, run: RunPaths, shard: int) -> None:
        name = shard_name(shard)
        manifest_shard, prediction_shard = run.manifest / name, run.predictions / name
        if not prediction_shard.exists():
            self.faults.add(f"{name} is missing")
            return
        # Threads for the columns of so few rows take more processor time than reading them.
        expected = pq.read_table(manifest_shard, columns=["img_path", "label"], use_threads=False)
        try:
            found = pq.read_table(prediction_shard, columns=SCHEMA.names, use_threads=False).cast(SCHEMA)
        except (pa.ArrowException, OSError) as error:
            self.faults.add(f"{name} cannot be read ({' '.join(str(error).split())[:120]})")
            return
        if found.column("img_path") != expected.column("img_path"):
            self.faults.add(_describe_difference(name, expected, found))
            return
        self.rows += found.num_rows
        places = pa.array(np.arange(found.num_rows, dtype=np.int32))
        self._add_rows(shard, found.append_column("label", expected.column("label")).append_column("row", places))

    def _add_rows(self, shard: int, rows: pa.Table) -> None:
        errors, predicted = (_holds(pc.equal(rows["status"], status)) for status in (ERROR, PREDICTED))
        good_errors = pc.and_(errors, self._error_is_good(rows))
        good_predictions = pc.and_(predicted, self._prediction_is_good(rows))
        self.status[ERROR] += _count(errors)
        self.status[PREDICTED] += _count(predicted)
        self._add_faults(rows.filter(pc.invert(pc.or_(good_errors, good_predictions))))
        self._add_errors(shard, rows.filter(good_errors))
        self._add_predictions(shard, rows.filter(good_predictions))

    def _error_is_good(self, rows: pa.Table) -> Any:
        nothing_else = pc.and_(pc.is_null(rows["prediction"]), pc.is_null(rows["probability"]))
        return pc.and_(nothing_else, _holds(pc.not_equal(rows["error"], "")))

    def _prediction_is_good(self, rows: pa.Table) -> Any:
        probability = rows["probability"]
        in_range = pc.and_(pc.greater_equal(probability, 0), pc.less_equal(probability, 1))
        return pc.and_(pc.is_in(rows["prediction"], pa.array(self._labels, pa.string())), _holds(in_range))

    def _add_faults(self, rows: pa.Table) -> None:
        for row in rows.slice(0, self.faults.room()).to_pylist():
            self.faults.listed.append(f"{row['img_path']}: {self._fault_of(row)}")
        self.faults.count += rows.num_rows

    def _add_errors(self, shard: int, rows: pa.Table) -> None:
        reasons = pc.list_element(pc.split_pattern(rows["error"], ":", max_splits=1), 0)
        self.reasons.update(_value_counts(reasons))
        self.gallery.add_errors(shard, rows, reasons)

    def _add_predictions(self, shard: int, rows: pa.Table) -> None:
        self.gallery.add_predicted(shard, rows)
        self.predictions.update(_value_counts(rows["prediction"]))
        bins = (rows["probability"].to_numpy().astype(np.float64) * HISTOGRAM_BINS).astype(np.int64)
        self.histogram += np.bincount(np.minimum(bins, HISTOGRAM_BINS - 1), minlength=HISTOGRAM_BINS)
        known = rows.filter(pc.is_valid(rows["label"])).select(["img_path", "label", "prediction"])
        splits = known.set_column(0, "split", _splits(known["img_path"]))
        for group in splits.group_by(splits.column_names, use_threads=False).aggregate([([], "count_all")]).to_pylist():
            self.known[group["split"], group["label"], group["prediction"]] += group["count_all"]

    def _fault_of(self, row: dict[str, Any]) -> str:
        if row["status"] == ERROR:
            return "an error row with a prediction"
        if row["status"] != PREDICTED:
            return f"unknown status {row['status']!r}"
        if row["prediction"] not in self._labels:
            return f"unknown label {row['prediction']!r}"
        return f"probability {row['probability']!r}"

    def metrics(self) -> dict[str, Any]:
        confusion: Counter[tuple[str, str]] = Counter()
        known_by_split: Counter[str] = Counter()
        right_by_split: Counter[str] = Counter()
        for (split, label, prediction), count in self.known.items():
            confusion[label, prediction] += count
            if split:
                known_by_split[split] += count
                right_by_split[split] += count if label == prediction else 0
        known = confusion.total()
        right = sum(count for (label, prediction), count in confusion.items() if label == prediction)
        return {
            "rows": self.rows,
            "predicted": self.status[PREDICTED],
            "errors": self.status[ERROR],
            "errors_by_reason": dict(self.reasons.most_common()),
            "predictions": {label: self.predictions[label] for label in self._labels},
            "probability_histogram": self.histogram.tolist(),
            "known_labels": known,
            "accuracy": right / known if known else None,
            "accuracy_by_split": {
                split: right_by_split[split] / count for split, count in sorted(known_by_split.items())
            },
            "confusion": [
                {"label": label, "prediction": prediction, "count": confusion[label, prediction]}
                for label in self._labels
                for prediction in self._labels
            ]
            if known
            else [],
        }


def _holds(condition: Any) -> Any:
    """Of a comparison: null, which is what it is with a null, counts as false."""
    return pc.fill_null(condition, False)


def _count(condition: Any) -> int:
    return pc.sum(condition).as_py() or 0


def _value_counts(column: Any) -> dict[str, int]:
    """How often each value is there, in the order of their first rows."""
    return {item["values"]: item["counts"] for item in pc.value_counts(column).to_pylist()}


def _splits(paths: Any) -> Any:
    """The split of each path, which only its directory tells: asked once for each directory."""
    directories = pc.replace_substring_regex(paths, "[^/]*$", "").combine_chunks().dictionary_encode()
    splits = pa.array([split_of(directory) for directory in directories.dictionary.to_pylist()], pa.string())
    return splits.take(directories.indices)


def _describe_difference(name: str, expected: Any, found: Any) -> str:
    """Where the paths of a shard first differ from the manifest's."""
    want, have = (table.column("img_path").to_pylist() for table in (expected, found))
    missing, repeated = set(want) - set(have), [path for path, count in Counter(have).items() if count > 1]
    if repeated:
        return f"{name}: {repeated[0]} is there twice"
    if missing:
        return f"{name}: {len(missing)} images of the manifest are missing, the first is {min(missing)}"
    return f"{name}: {len(have)} rows, not those of the manifest ({len(want)}) in its order"

"""Count what the predictions of a run contain, one shard at a time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_predictions.accuracy import Accuracy
from batch_predictions.gallery import Gallery
from batch_predictions.row_checks import (
    ShardFault,
    describe_fault,
    has_status,
    is_valid_error,
    is_valid_prediction,
    read_shard,
)
from run_contract.layout import RunPaths
from run_contract.records.manifest import ManifestRecord
from run_contract.records.metrics import MetricsRecord, Verdict
from run_contract.table import ERROR, PREDICTED

LISTED_FAULTS = 20
HISTOGRAM_BINS = 20


class Faults:
    """Counts all faults and keeps the text of the first few, so that memory stays bounded if every row is wrong."""

    def __init__(self) -> None:
        self.count = 0
        self.listed: list[str] = []

    def add(self, fault: str) -> None:
        self.count += 1
        if self.room():
            self.listed.append(fault)

    def room(self) -> int:
        """Return how many more texts are kept."""
        return LISTED_FAULTS - len(self.listed)


class Tally:
    """Counts the rows of a run in one pass; memory holds one shard, and the work is done on columns, not on rows."""

    def __init__(self, labels: tuple[str, ...], threshold: float) -> None:
        self._labels = labels
        self.gallery = Gallery(labels, threshold)
        self.accuracy = Accuracy(labels)
        self.faults = Faults()
        self.rows = self.predicted = self.errors = 0
        self.reasons: Counter[str] = Counter()
        self.predictions: Counter[str] = Counter()
        self.histogram = np.zeros(HISTOGRAM_BINS, np.int64)

    def add_shard(self, run: RunPaths, shard: int) -> None:
        """Read, check and count one shard of predictions; a shard at fault counts as one fault."""
        try:
            rows = read_shard(run, shard)
        except ShardFault as fault:
            self.faults.add(str(fault))
            return
        self.rows += rows.num_rows
        places = pa.array(np.arange(rows.num_rows, dtype=np.int32))
        self._add_rows(shard, rows.append_column("row", places))

    def _add_rows(self, shard: int, rows: pa.Table) -> None:
        self.errors += _count(has_status(rows, ERROR))
        self.predicted += _count(has_status(rows, PREDICTED))
        errors, predictions = is_valid_error(rows), is_valid_prediction(rows, self._labels)
        self._add_faults(rows.filter(pc.invert(pc.or_(errors, predictions))))
        self._add_errors(shard, rows.filter(errors))
        self._add_predictions(shard, rows.filter(predictions))

    def _add_faults(self, rows: pa.Table) -> None:
        for row in rows.slice(0, self.faults.room()).to_pylist():
            self.faults.listed.append(f"{row['img_path']}: {describe_fault(row, self._labels)}")
        self.faults.count += rows.num_rows

    def _add_errors(self, shard: int, rows: pa.Table) -> None:
        reasons = pc.list_element(pc.split_pattern(rows["error"], ":", max_splits=1), 0)
        self.reasons.update(_value_counts(reasons))
        self.gallery.add_errors(shard, rows, reasons)

    def _add_predictions(self, shard: int, rows: pa.Table) -> None:
        self.gallery.add_predicted(shard, rows)
        self.accuracy.add(rows)
        self.predictions.update(_value_counts(rows["prediction"]))
        bins = (rows["probability"].to_numpy().astype(np.float64) * HISTOGRAM_BINS).astype(np.int64)
        self.histogram += np.bincount(np.minimum(bins, HISTOGRAM_BINS - 1), minlength=HISTOGRAM_BINS)

    def metrics(self, run_key: str, manifest: ManifestRecord) -> MetricsRecord:
        """Return the counts as the content of metrics.json; valid if there are no faults."""
        return MetricsRecord(
            run_key=run_key,
            source=manifest.source,
            skipped=manifest.skipped,
            rows=self.rows,
            predicted=self.predicted,
            errors=self.errors,
            errors_by_reason=dict(self.reasons.most_common()),
            predictions={label: self.predictions[label] for label in self._labels},
            probability_histogram=tuple(self.histogram.tolist()),
            known_labels=self.accuracy.known,
            accuracy=self.accuracy.overall(),
            accuracy_by_split=self.accuracy.by_split(),
            confusion=self.accuracy.confusion(),
            verdict=Verdict.INVALID if self.faults.count else Verdict.VALID,
            faults=tuple(self.faults.listed),
        )


def _count(condition: Any) -> int:
    return pc.sum(condition).as_py() or 0


def _value_counts(column: Any) -> dict[str, int]:
    """Return how often each value occurs, in the order of their first rows."""
    return {item["values"]: item["counts"] for item in pc.value_counts(column).to_pylist()}

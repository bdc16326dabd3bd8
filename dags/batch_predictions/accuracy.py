"""Compare predictions with the labels that the paths of the images name."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from batch_predictions.path_labels import split_of
from run_contract.records.metrics import ConfusionCell


class Accuracy:
    """Counts the rows with a known label by split, label and prediction."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self._labels = labels
        self._counts: Counter[tuple[str | None, str, str]] = Counter()

    def add(self, rows: pa.Table) -> None:
        """Count valid predictions. rows: with `img_path`, `prediction` and the known `label` or null."""
        known = rows.filter(pc.is_valid(rows["label"])).select(["img_path", "label", "prediction"])
        rows = known.set_column(0, "split", _splits(known["img_path"]))
        for group in rows.group_by(rows.column_names, use_threads=False).aggregate([([], "count_all")]).to_pylist():
            self._counts[group["split"], group["label"], group["prediction"]] += group["count_all"]

    @property
    def known(self) -> int:
        """The number of rows with a known label."""
        return self._counts.total()

    def overall(self) -> float | None:
        """Return the share of correct predictions, None if no label is known."""
        return self._correct() / self.known if self.known else None

    def by_split(self) -> dict[str, float]:
        """Return the share of correct predictions in each split of the data."""
        rows: Counter[str] = Counter()
        for (split, _, _), number in self._counts.items():
            if split:
                rows[split] += number
        return {split: self._correct(split) / number for split, number in sorted(rows.items())}

    def confusion(self) -> tuple[ConfusionCell, ...]:
        """Return the confusion matrix, a cell for each pair of labels; empty if no label is known."""
        cells: Counter[tuple[str, str]] = Counter()
        for (_, label, prediction), number in self._counts.items():
            cells[label, prediction] += number
        pairs = [(label, prediction) for label in self._labels for prediction in self._labels]
        return tuple(ConfusionCell(*pair, cells[pair]) for pair in pairs) if self.known else ()

    def _correct(self, split: str | None = None) -> int:
        """Return the number of correct predictions, of one split or of all rows."""
        return sum(
            number
            for (of, label, prediction), number in self._counts.items()
            if label == prediction and split in (None, of)
        )


def _splits(paths: Any) -> Any:
    """Return the split of each path. It depends on the directory only, so each directory is looked at once."""
    directories = pc.replace_substring_regex(paths, "[^/]*$", "").combine_chunks().dictionary_encode()
    splits = pa.array([split_of(directory) for directory in directories.dictionary.to_pylist()], pa.string())
    return splits.take(directories.indices)

"""Choose the rows of a run that a person wants to see, for gallery.parquet, in one pass over all rows.

A stratum is an error reason, or a combination of predicted label, correctness and tenth of confidence. Each stratum
contributes its least confident rows, one in each round, errors and wrong predictions first, until there are LIMIT rows.
So every kind of row can be looked at, and a run of no more than LIMIT rows is complete.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from run_contract.files import replace_atomically
from run_contract.layout import RunPaths
from run_contract.records.metrics import GalleryRecord, Stratum
from run_contract.table import GALLERY_STRATA

LIMIT = 20_000
TENTHS = 10
RIGHT = (None, False, True)  # the meanings of the codes 0, 1 and 2

SCHEMA = pa.schema(
    [
        ("shard", pa.int32()),
        ("row", pa.int32()),
        ("img_path", pa.string()),
        ("prediction", pa.string()),
        ("probability", pa.float32()),
        ("confidence", pa.float32()),
        ("status", pa.string()),
        ("error", pa.string()),
        ("label", pa.string()),
        ("right", pa.bool_()),
    ]
)
CANDIDATE = pa.schema([*SCHEMA, ("stratum", pa.int64())])


def confidence_of(is_negative: NDArray[np.bool_], probability: NDArray[np.float32], threshold: float) -> Any:
    """Return the probability of the predicted label, (n,) float32.

    is_negative: (n,) bool, whether the first of two labels was predicted. probability: (n,) as in the table. A model
    with several outputs has the probability of the predicted label there. A model with one sigmoid has that of the
    positive label; only then can a negative prediction have a probability up to the threshold.
    """
    turned = is_negative & (probability <= np.float32(threshold))
    return np.where(turned, 1 - probability, probability).astype(np.float32)


class Gallery:
    """Chooses among rows that arrive shard by shard; memory holds a few times LIMIT of them, whatever their number."""

    def __init__(self, labels: tuple[str, ...], threshold: float) -> None:
        self._labels, self._threshold = pa.array(labels, pa.string()), threshold
        self._error_strata = len(labels) * len(RIGHT) * TENTHS  # the first stratum of errors; lower ones: predictions
        self._reasons: dict[str, int] = {}
        self._totals: NDArray[np.int64] = np.zeros(self._error_strata, np.int64)
        # A row must be less confident than this to be chosen: the lowest confidence that its stratum has dropped.
        self._cut: NDArray[np.float32] = np.full(self._error_strata, np.inf, np.float32)
        self._chosen = [CANDIDATE.empty_table()]

    def add_predicted(self, shard: int, rows: pa.Table) -> None:
        """rows: valid predictions of one shard, with their `row` and the known `label` or null."""
        predicted = pc.index_in(rows["prediction"], self._labels).to_numpy().astype(np.int64)
        negative = predicted == (0 if len(self._labels) == 2 else -1)
        confidence = confidence_of(negative, rows["probability"].to_numpy(), self._threshold)
        right = pc.equal(rows["prediction"], rows["label"])
        code = pc.fill_null(pc.add(right.cast(pa.int8()), 1), 0).to_numpy()
        stratum = (predicted * len(RIGHT) + code) * TENTHS + tenth_of(confidence)
        self._add(shard, rows, stratum, confidence, {"confidence": pa.array(confidence), "right": right})

    def add_errors(self, shard: int, rows: pa.Table, reasons: pa.Array) -> None:
        """rows: valid error rows of one shard, with their `row` and `label`. reasons: of each row, without details."""
        for reason in pc.unique(reasons).to_pylist():
            self._reasons.setdefault(reason, self._error_strata + len(self._reasons))
        more = self._error_strata + len(self._reasons) - len(self._totals)
        self._totals = np.append(self._totals, np.zeros(more, np.int64))
        self._cut = np.append(self._cut, np.full(more, np.inf, np.float32))
        stratum = np.array([self._reasons[reason] for reason in reasons.to_pylist()], np.int64)
        none = {name: pa.nulls(rows.num_rows, CANDIDATE.field(name).type) for name in ("confidence", "right")}
        self._add(shard, rows, stratum, np.zeros(rows.num_rows, np.float32), none)

    def _add(self, shard: int, rows: pa.Table, stratum: Any, confidence: Any, more: dict[str, Any]) -> None:
        """stratum: (n,) int64. confidence: (n,) float32, 0 for an error. more: columns that `rows` does not have."""
        self._totals += np.bincount(stratum, minlength=len(self._totals))
        wanted = pa.array(np.flatnonzero(confidence < self._cut[stratum]))
        if not len(wanted):
            return
        more |= {"shard": pa.repeat(pa.scalar(shard, pa.int32()), rows.num_rows), "stratum": pa.array(stratum)}
        columns = [(more[name] if name in more else rows[name]).take(wanted) for name in CANDIDATE.names]
        self._chosen.append(pa.Table.from_arrays(columns, schema=CANDIDATE))
        if sum(table.num_rows for table in self._chosen) > 4 * LIMIT:
            self._prune()

    def _prune(self) -> pa.Table:
        """Keep only the best LIMIT candidates and return them.

        A dropped row cannot be chosen in the end, because later rows can only push it further back.
        """
        table = pa.concat_tables(self._chosen).combine_chunks()
        stratum, confidence, wrong, error = _keys(table)
        order = np.lexsort((confidence, ~(wrong | error), _ranks(stratum, confidence)))
        kept, dropped = np.split(order, [LIMIT])
        np.minimum.at(self._cut, stratum[dropped], confidence[dropped])
        table = table.take(pa.array(np.sort(kept)))
        self._chosen = [table]
        return table

    def write(self, run: RunPaths) -> None:
        """Write wrong predictions first, then errors, then the rest, each with the least confident first."""
        table = self._prune()
        _, confidence, wrong, error = _keys(table)
        order = pa.array(np.lexsort((confidence, ~error, ~wrong)))
        chosen = table.select(SCHEMA.names).take(order).combine_chunks()
        strata = GalleryRecord(tuple(self._strata()))
        metadata = {GALLERY_STRATA: json.dumps(strata.to_json(), ensure_ascii=False)}
        with replace_atomically(run.gallery) as part:
            pq.write_table(chosen.replace_schema_metadata(metadata), part, compression="zstd")

    def _strata(self) -> list[Stratum]:
        """Return every stratum of the run with the number of its rows."""
        reasons = list(self._reasons)
        strata = []
        for index in np.flatnonzero(self._totals).tolist():
            rows = int(self._totals[index])
            if index >= self._error_strata:
                strata.append(Stratum(reasons[index - self._error_strata], None, None, None, rows))
                continue
            rest, tenth = divmod(index, TENTHS)
            label, code = divmod(rest, len(RIGHT))
            strata.append(Stratum(None, self._labels[label].as_py(), RIGHT[code], tenth, rows))
        return strata


def tenth_of(confidence: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return 0 for a confidence below 0.1, 1 below 0.2, up to 9 for 0.9 and more; shape as `confidence`."""
    tenths: NDArray[np.int64] = np.minimum(confidence.astype(np.float64) * TENTHS, TENTHS - 1).astype(np.int64)
    return tenths


def _keys(table: pa.Table) -> tuple[Any, Any, Any, Any]:
    """Return four (n,) arrays: stratum, confidence (0 for an error), whether a row is wrong, whether it is an error."""
    confidence = pc.fill_null(table["confidence"], 0.0).to_numpy()
    wrong = pc.fill_null(pc.invert(table["right"]), False).to_numpy()
    return table["stratum"].to_numpy(), confidence, wrong, pc.is_null(table["confidence"]).to_numpy()


def _ranks(stratum: NDArray[np.int64], confidence: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return how many rows of its stratum precede each row, by confidence and then in the manifest's order."""
    order = np.lexsort((confidence, stratum))
    ordered = stratum[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(ordered) else np.empty(0, np.int64)
    lengths = np.diff(np.append(starts, len(ordered)))
    ranks = np.empty(len(ordered), np.int64)
    ranks[order] = np.arange(len(ordered)) - np.repeat(starts, lengths)
    return ranks

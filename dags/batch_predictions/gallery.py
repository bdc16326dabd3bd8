"""gallery.parquet: the rows of a run that a person wants to see, chosen while validate passes over all of them.

A stratum is an error reason, or a predicted label, whether it is right, and a tenth of confidence. Every stratum gives
its least confident rows, one at a time in turn, errors and wrong ones first, until LIMIT is reached: so every kind of
row can be looked at, and a run of no more than LIMIT rows is there as a whole.
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
from run_contract.table import GALLERY_STRATA

LIMIT = 20_000
TENTHS = 10
RIGHT = (None, False, True)  # what the codes 0, 1 and 2 stand for

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
    """The probability (n,) of the predicted label, float32. is_negative: the first of two labels was predicted.

    Of several outputs it is what the table says. Of one sigmoid the table has the probability of the positive label;
    then, and only then, can a negative prediction have a probability up to the threshold.
    """
    turned = is_negative & (probability <= np.float32(threshold))
    return np.where(turned, 1 - probability, probability).astype(np.float32)


class Gallery:
    """Chooses from rows that come shard by shard; holds a few times LIMIT of them, however many come."""

    def __init__(self, labels: tuple[str, ...], threshold: float) -> None:
        self._labels, self._threshold = pa.array(labels, pa.string()), threshold
        self._error_strata = len(labels) * len(RIGHT) * TENTHS  # the first of them; those before are of predictions
        self._reasons: dict[str, int] = {}
        self._totals: NDArray[np.int64] = np.zeros(self._error_strata, np.int64)
        # What a row must be less confident than to be chosen: the least that its stratum has given up so far.
        self._cut: NDArray[np.float32] = np.full(self._error_strata, np.inf, np.float32)
        self._chosen = [CANDIDATE.empty_table()]

    def add_predicted(self, shard: int, rows: pa.Table) -> None:
        """rows: good predictions of one shard, with their `row` and the known `label` or null."""
        predicted = pc.index_in(rows["prediction"], self._labels).to_numpy().astype(np.int64)
        negative = predicted == (0 if len(self._labels) == 2 else -1)
        confidence = confidence_of(negative, rows["probability"].to_numpy(), self._threshold)
        right = pc.equal(rows["prediction"], rows["label"])
        code = pc.fill_null(pc.add(right.cast(pa.int8()), 1), 0).to_numpy()
        stratum = (predicted * len(RIGHT) + code) * TENTHS + tenth_of(confidence)
        self._add(shard, rows, stratum, confidence, {"confidence": pa.array(confidence), "right": right})

    def add_errors(self, shard: int, rows: pa.Table, reasons: pa.Array) -> None:
        """rows: good error rows of one shard, with their `row` and `label`; reasons: of each, without its detail."""
        for reason in pc.unique(reasons).to_pylist():
            self._reasons.setdefault(reason, self._error_strata + len(self._reasons))
        more = self._error_strata + len(self._reasons) - len(self._totals)
        self._totals = np.append(self._totals, np.zeros(more, np.int64))
        self._cut = np.append(self._cut, np.full(more, np.inf, np.float32))
        stratum = np.array([self._reasons[reason] for reason in reasons.to_pylist()], np.int64)
        none = {name: pa.nulls(rows.num_rows, CANDIDATE.field(name).type) for name in ("confidence", "right")}
        self._add(shard, rows, stratum, np.zeros(rows.num_rows, np.float32), none)

    def _add(self, shard: int, rows: pa.Table, stratum: Any, confidence: Any, more: dict[str, Any]) -> None:
        """stratum, confidence: of each row, 0 for an error; more: columns that the rows have not."""
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
        """Only the LIMIT rows that are chosen so far stay. No row is given up that would be chosen in the end: what
        comes later can only push a row back."""
        table = pa.concat_tables(self._chosen).combine_chunks()
        stratum, confidence, wrong, error = _keys(table)
        order = np.lexsort((confidence, ~(wrong | error), _ranks(stratum, confidence)))
        kept, given_up = np.split(order, [LIMIT])
        np.minimum.at(self._cut, stratum[given_up], confidence[given_up])
        table = table.take(pa.array(np.sort(kept)))
        self._chosen = [table]
        return table

    def write(self, run: RunPaths) -> None:
        """Wrong ones first, then errors, then the rest; the least confident of each first."""
        table = self._prune()
        _, confidence, wrong, error = _keys(table)
        order = pa.array(np.lexsort((confidence, ~error, ~wrong)))
        chosen = table.select(SCHEMA.names).take(order).combine_chunks()
        metadata = {GALLERY_STRATA: json.dumps(self._strata(), ensure_ascii=False)}
        with replace_atomically(run.gallery) as part:
            pq.write_table(chosen.replace_schema_metadata(metadata), part, compression="zstd")

    def _strata(self) -> list[dict[str, Any]]:
        """Every stratum of the run with the number of its rows."""
        reasons = list(self._reasons)
        described = []
        for stratum in np.flatnonzero(self._totals).tolist():
            record: dict[str, Any] = {"reason": None, "prediction": None, "right": None, "tenth": None}
            if stratum >= self._error_strata:
                record["reason"] = reasons[stratum - self._error_strata]
            else:
                rest, record["tenth"] = divmod(stratum, TENTHS)
                label, code = divmod(rest, len(RIGHT))
                record.update(prediction=self._labels[label].as_py(), right=RIGHT[code])
            described.append({**record, "rows": int(self._totals[stratum])})
        return described


def tenth_of(confidence: NDArray[np.float32]) -> NDArray[np.int64]:
    """0 for a confidence below 0.1, to 9 for 0.9 and more."""
    tenths: NDArray[np.int64] = np.minimum(confidence.astype(np.float64) * TENTHS, TENTHS - 1).astype(np.int64)
    return tenths


def _keys(table: pa.Table) -> tuple[Any, Any, Any, Any]:
    """Of each row its stratum, its confidence (0 for an error), whether it is wrong, and whether it is an error."""
    confidence = pc.fill_null(table["confidence"], 0.0).to_numpy()
    wrong = pc.fill_null(pc.invert(table["right"]), False).to_numpy()
    return table["stratum"].to_numpy(), confidence, wrong, pc.is_null(table["confidence"]).to_numpy()


def _ranks(stratum: NDArray[np.int64], confidence: NDArray[np.float32]) -> NDArray[np.int64]:
    """Of each row how many of its stratum are before it, by confidence and then in the manifest's order."""
    order = np.lexsort((confidence, stratum))
    ordered = stratum[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(ordered) else np.empty(0, np.int64)
    lengths = np.diff(np.append(starts, len(ordered)))
    ranks = np.empty(len(ordered), np.int64)
    ranks[order] = np.arange(len(ordered)) - np.repeat(starts, lengths)
    return ranks

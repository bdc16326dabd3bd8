"""Check the rows of a prediction shard, a column at a time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from run_contract.layout import RunPaths, shard_name
from run_contract.table import ERROR, PREDICTED, PREDICTION_COLUMNS

SCHEMA = pa.schema([(name, pa.float32() if name == "probability" else pa.string()) for name in PREDICTION_COLUMNS])


class ShardFault(Exception):
    """A shard cannot be read, or its rows are not those of the manifest."""


def read_shard(run: RunPaths, shard: int) -> pa.Table:
    """Return the predictions of a shard with the columns of SCHEMA and the `label` of the manifest.

    Raises ShardFault if the shard is missing or damaged, or if its paths are not those of the manifest in its order.
    """
    name = shard_name(shard)
    path = run.predictions / name
    if not path.exists():
        raise ShardFault(f"{name} is missing")
    # Reading so few rows in threads takes more processor time than it saves.
    expected = pq.read_table(run.manifest / name, columns=["img_path", "label"], use_threads=False)
    try:
        found = pq.read_table(path, columns=SCHEMA.names, use_threads=False).cast(SCHEMA)
    except (pa.ArrowException, OSError) as error:
        raise ShardFault(f"{name} cannot be read ({' '.join(str(error).split())[:120]})") from None
    if found.column("img_path") != expected.column("img_path"):
        want, have = (table.column("img_path").to_pylist() for table in (expected, found))
        raise ShardFault(f"{name}: {describe_difference(want, have)}")
    return found.append_column("label", expected.column("label"))


def describe_difference(want: list[str], have: list[str]) -> str:
    """Return how the paths of a shard, `have`, differ from those of the manifest, `want`."""
    missing, repeated = set(want) - set(have), [path for path, number in Counter(have).items() if number > 1]
    if repeated:
        return f"{repeated[0]} occurs more than once"
    if missing:
        return f"{len(missing)} images of the manifest are missing, the first is {min(missing)}"
    return f"its {len(have)} rows are not the {len(want)} rows of the manifest in their order"


def is_valid_error(rows: pa.Table) -> Any:
    """Return a boolean column: an error row with a reason and nothing else."""
    nothing_else = pc.and_(pc.is_null(rows["prediction"]), pc.is_null(rows["probability"]))
    return pc.and_(has_status(rows, ERROR), pc.and_(nothing_else, _true(pc.not_equal(rows["error"], ""))))


def is_valid_prediction(rows: pa.Table, labels: tuple[str, ...]) -> Any:
    """Return a boolean column: a predicted row with one of the labels and a probability from 0 to 1."""
    probability = rows["probability"]
    in_range = pc.and_(pc.greater_equal(probability, 0), pc.less_equal(probability, 1))
    known_label = pc.is_in(rows["prediction"], pa.array(labels, pa.string()))
    return pc.and_(has_status(rows, PREDICTED), pc.and_(known_label, _true(in_range)))


def has_status(rows: pa.Table, status: str) -> Any:
    return _true(pc.equal(rows["status"], status))


def describe_fault(row: dict[str, Any], labels: tuple[str, ...]) -> str:
    """Return what is wrong with a row that is neither a valid error nor a valid prediction."""
    if row["status"] == ERROR:
        return "an error row with a prediction or without a reason"
    if row["status"] != PREDICTED:
        return f"unknown status {row['status']!r}"
    if row["prediction"] not in labels:
        return f"unknown label {row['prediction']!r}"
    return f"probability {row['probability']!r} is not between 0 and 1"


def _true(condition: Any) -> Any:
    """Return a comparison with null, its result where an operand is null, replaced by false."""
    return pc.fill_null(condition, False)

"""Read the shards of a run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from run_contract.layout import RunPaths, shard_name, shard_numbers
from run_contract.table import ERROR


@lru_cache(maxsize=65536)
def manifest_rows(run: RunPaths, shard: int) -> int:
    """Return the number of rows of one shard of the manifest, cached because a manifest never changes."""
    return int(pq.read_metadata(run.manifest / shard_name(shard)).num_rows)


def sample_rows(run: RunPaths, count: int, columns: list[str]) -> Iterator[dict[str, Any]]:
    """Yield up to `count` rows of the manifest, evenly spaced, with these columns; the same rows at each call.

    Opens at most `count` shards, one at a time.
    """
    shards = shard_numbers(run.manifest)
    shards = [shards[index] for index in _evenly_spaced(len(shards), count)]
    ends = np.cumsum([manifest_rows(run, shard) for shard in shards])
    rows = _evenly_spaced(int(ends[-1]), count)
    owners = np.searchsorted(ends, rows, side="right")
    for index, shard in enumerate(shards):
        table = pq.read_table(run.manifest / shard_name(shard), columns=columns)
        start = ends[index] - table.num_rows
        for row in rows[owners == index]:
            yield table.slice(int(row - start), 1).to_pylist()[0]


def _evenly_spaced(total: int, count: int) -> NDArray[np.intp]:
    """Return at most `count` numbers of range(total): the middles of that many parts of equal size."""
    count = min(total, count)
    return (2 * np.arange(count) + 1) * total // (2 * max(count, 1))


def count_rows(table: pa.Table) -> tuple[int, int]:
    """Return the number of rows of a table of predictions, and how many of them are error rows."""
    return table.num_rows, int(pc.sum(pc.equal(table.column("status"), ERROR)).as_py() or 0)

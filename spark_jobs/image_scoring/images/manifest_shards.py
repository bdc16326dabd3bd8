"""Read the shards of a manifest."""

from __future__ import annotations

from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from run_contract.layout import RunPaths, shard_name
from run_contract.table import ERROR


@lru_cache(maxsize=65536)
def manifest_rows(run: RunPaths, shard: int) -> int:
    """The rows of one shard of the manifest; asked often, and a manifest never changes."""
    return int(pq.read_metadata(run.manifest / shard_name(shard)).num_rows)


def count_rows(table: pa.Table) -> tuple[int, int]:
    """The rows of predictions in `table`, and how many of them are error rows."""
    return table.num_rows, int(pc.sum(pc.equal(table.column("status"), ERROR)).as_py() or 0)

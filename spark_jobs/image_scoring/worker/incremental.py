"""Find the base run's results for images that have not changed.

Both manifests have the order of the same walk, so bisection finds the shards of the base run that may hold the images
of a batch: no process holds the whole list, and nothing is shuffled. A result is reused only for the same path, size
and modification time, so a fault here costs a prediction and never makes a wrong row.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from image_scoring.images.errors import CONTENT_REASONS
from run_contract.image_paths import decode_path
from run_contract.layout import RunPaths, shard_name
from run_contract.table import PREDICTED

log = logging.getLogger(__name__)

IMAGES = pa.schema([("img_path", pa.string()), ("size_bytes", pa.int64()), ("modified_ns", pa.int64())])
RESULTS = pa.schema(
    [("prediction", pa.string()), ("probability", pa.float32()), ("status", pa.string()), ("error", pa.string())]
)
NOTHING = pa.schema([*IMAGES, *RESULTS]).empty_table()
SHARDS_IN_MEMORY = 4
# Archives without dates give every file the modification time 1 January 1980, which proves nothing.
NO_STAMP_NS = 315_532_800 * 10**9
SAME_AGAIN = f"^({'|'.join(CONTENT_REASONS)})(:|$)"
AFTER_ALL = b"\xff"  # greater than any walk_key


@dataclass(frozen=True)
class BaseRun:
    """The run whose results are reused; small enough to travel with each Spark task.

    root: its directory. shards: the number of shards of its manifest.
    """

    root: str
    shards: int


def walk_key(img_path: str) -> bytes:
    """Return a key that sorts paths in the order of the manifest's walk.

    The walk is sorted by name, and the files of a directory come before its subdirectories.
    """
    *directories, name = decode_path(img_path).split(b"/")
    return b"".join(b"\1" + directory + b"\0" for directory in directories) + b"\0" + name


class BaseRunResults:
    """Looks up results of the base run, with a few of its shards in memory. One in each Python worker."""

    def __init__(self, base_run: BaseRun) -> None:
        self._run = RunPaths(Path(base_run.root))
        self._shards = range(base_run.shards)
        self._warned = False
        self._begin = cache(self._read_begin)
        self._results = lru_cache(SHARDS_IN_MEMORY)(self._read_results)

    def find(self, paths: pd.Series, sizes: pd.Series, stamps: pd.Series) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
        """Return the rows (n,) of udf.RESULT_SCHEMA that are carried over for a batch, and which were found (n,).

        paths, sizes, stamps: img_path, size_bytes, modified_ns (n,), in the order of a manifest; in any other order
        images are missed. A row that was not found has only nulls and is to be predicted.
        """
        names, wanted = pa.array(paths, pa.string()), (sizes.to_numpy(), stamps.to_numpy())
        pieces, source, count = [RESULTS.empty_table()], np.full(len(names), -1), 0
        for shard in self._overlapping(paths):
            known = self._results(shard)
            row = pc.index_in(names, value_set=known["img_path"]).fill_null(-1).to_numpy()
            place = np.flatnonzero(row >= 0)
            for column, values in zip(("size_bytes", "modified_ns"), wanted, strict=True):
                place = place[known[column].to_numpy()[row[place]] == values[place]]
            pieces.append(known.select(RESULTS.names).take(row[place]))
            source[place] = np.arange(count, count + len(place))
            count += len(place)
        found = source >= 0
        table = pa.concat_tables(pieces).take(pa.array(source, mask=~found))
        return table.to_pandas(types_mapper={pa.float32(): pd.Float32Dtype()}.get), found

    def _overlapping(self, paths: pd.Series) -> range:
        """Return the shards of the base run that may hold images of the batch."""
        if paths.empty:
            return range(0)
        first, last = (
            bisect_right(self._shards, walk_key(path), key=self._first_key) for path in (paths.iloc[0], paths.iloc[-1])
        )
        return range(max(first - 1, 0), last)

    def _first_key(self, shard: int) -> bytes:
        """Return the walk key of the first image of `shard`, or of the next shard if it cannot be read."""
        begins = (self._begin(number) for number in range(shard, len(self._shards)))
        return next((begin for begin in begins if begin is not None), AFTER_ALL)

    def _read_begin(self, shard: int) -> bytes | None:
        try:
            with pq.ParquetFile(self._run.manifest / shard_name(shard)) as file:
                return walk_key(file.read_row_group(0, ["img_path"], use_threads=False)["img_path"][0].as_py())
        except Exception as error:  # a damaged file may raise anything; its images are predicted
            self._warn(shard, error)
            return None

    def _read_results(self, shard: int) -> pa.Table:
        """Return IMAGES and RESULTS of the reusable rows of `shard`; no rows if it is damaged."""
        try:
            images = _read_columns(self._run.manifest / shard_name(shard), IMAGES)
            results = _read_columns(self._run.predictions / shard_name(shard), pa.schema([IMAGES[0], *RESULTS]))
            if results["img_path"] != images["img_path"]:
                raise ValueError("its predictions do not match its manifest")
        except Exception as error:  # as above
            self._warn(shard, error)
            return NOTHING
        same_again = pc.or_kleene(
            pc.equal(results["status"], PREDICTED), pc.match_substring_regex(results["error"], SAME_AGAIN)
        )
        dated = pc.greater(images["modified_ns"], NO_STAMP_NS)
        table = pa.table([*images.columns, *results.columns[1:]], NOTHING.schema)
        return table.filter(pc.and_kleene(same_again, dated)).combine_chunks()

    def _warn(self, shard: int, error: Exception) -> None:
        """Log a damaged shard, but only the first one in this worker."""
        if not self._warned:
            self._warned = True
            cause = " ".join(str(error).split())[:120]
            log.warning(
                "run %s: %s cannot be read (%s); the images of damaged shards are predicted again",
                self._run.run_key,
                shard_name(shard),
                cause,
            )


def _read_columns(path: Path, schema: pa.Schema) -> pa.Table:
    with pq.ParquetFile(path) as file:
        return file.read(schema.names, use_threads=False).select(schema.names).cast(schema)

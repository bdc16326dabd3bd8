"""Images of a run that stand for all of them: spread evenly over its manifest, the same at each call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from image_scoring.images.decoding import decode_image
from image_scoring.images.errors import ImageError
from image_scoring.images.manifest_shards import manifest_rows
from image_scoring.images.preprocessing import preprocess
from image_scoring.images.reading import read_file
from image_scoring.model.spec import ModelSpec
from run_contract.image_paths import decode_path
from run_contract.layout import RunPaths, shard_name, shard_numbers

SPREAD_IMAGES = 400


@dataclass(frozen=True)
class SpreadImages:
    """Up to `count` preprocessed images (height, width, 3), read anew by each loop over them, one at a time.

    Those that cannot be decoded are left out.
    """

    run: RunPaths
    root: Path
    spec: ModelSpec
    count: int = SPREAD_IMAGES

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for row in spread_rows(self.run, self.count, ["img_path"]):
            try:
                content = read_file(os.fsencode(self.root) + b"/" + decode_path(row["img_path"]))
                yield preprocess(decode_image(content, self.spec.input_size), self.spec.preprocessing)
            except ImageError:
                continue


def spread_rows(run: RunPaths, count: int, columns: list[str]) -> Iterator[dict[str, Any]]:
    """Up to `count` rows of the manifest, spread evenly over it, with these of its columns; the same at each call.

    At most `count` shards are opened, one at a time.
    """
    shards = shard_numbers(run.manifest)
    shards = [shards[index] for index in _evenly(len(shards), count)]
    ends = np.cumsum([manifest_rows(run, shard) for shard in shards])
    rows = _evenly(int(ends[-1]), count)
    owners = np.searchsorted(ends, rows, side="right")
    for index, shard in enumerate(shards):
        table = pq.read_table(run.manifest / shard_name(shard), columns=columns)
        start = ends[index] - table.num_rows
        for row in rows[owners == index]:
            yield table.slice(int(row - start), 1).to_pylist()[0]


def _evenly(total: int, count: int) -> NDArray[np.intp]:
    """At most `count` of range(total): the middle of as many parts of even size."""
    count = min(total, count)
    return (2 * np.arange(count) + 1) * total // (2 * max(count, 1))

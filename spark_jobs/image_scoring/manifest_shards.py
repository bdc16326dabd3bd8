"""The shards of a manifest as the job reads them, and of the predictions as it commits them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyspark.sql.types import StructType

from image_scoring.contract import ERROR, RunPaths, decode_path, shard_name
from image_scoring.preprocess import ImageError, decode_image, preprocess, read_file
from image_scoring.spec import ModelSpec

# As types and not as text, which Spark would have to read with a parser of its own: a quarter of a second.
MANIFEST_SCHEMA = (
    StructType()
    .add("img_path", "string")
    .add("shard", "integer")
    .add("size_bytes", "long")
    .add("modified_ns", "long")
    .add("label", "string")
    .add("source", "string")
)
VERIFICATION_IMAGES = 8


@lru_cache(maxsize=65536)
def manifest_rows(run: RunPaths, shard: int) -> int:
    """The rows of one shard of the manifest; asked often, and a manifest never changes."""
    return int(pq.read_metadata(run.manifest / shard_name(shard)).num_rows)


def first_images(run: RunPaths, root: Path, spec: ModelSpec, count: int) -> NDArray[np.float32]:
    """The first images of the manifest that can be decoded, preprocessed: (n, height, width, 3), 1 <= n <= count.

    When none of the first hundred can be, noise stands in, so that a bad start of a manifest stops nothing.
    """
    images: list[NDArray[np.float32]] = []
    paths = pq.ParquetFile(run.manifest / shard_name(0)).iter_batches(batch_size=100, columns=["img_path"])
    for img_path in next(paths).column(0).to_pylist():
        try:
            content = read_file(os.fsencode(root) + b"/" + decode_path(img_path))
            images.append(preprocess(decode_image(content, spec.input_size), spec.preprocessing))
        except ImageError:
            continue
        if len(images) == count:
            break
    if not images:
        noise = np.random.default_rng(0).integers(0, 256, (1, *spec.input_size, 3), dtype=np.uint8)
        images.append(preprocess(noise[0], spec.preprocessing))
    return np.stack(images)


def verification_images(run: RunPaths, root: Path, spec: ModelSpec) -> Iterator[NDArray[np.float32]]:
    """What a converted model is compared with Keras on; read only when they are asked for, which is once per model."""
    yield from first_images(run, root, spec, VERIFICATION_IMAGES)


def count_rows(table: pa.Table) -> tuple[int, int]:
    """The rows of predictions in `table`, and how many of them are error rows."""
    return table.num_rows, int(pc.sum(pc.equal(table.column("status"), ERROR)).as_py() or 0)

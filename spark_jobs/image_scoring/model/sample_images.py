"""Images of a run that a model is converted, compared and calibrated with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from image_scoring.images.decoding import decode_image
from image_scoring.images.errors import ImageError
from image_scoring.images.preprocessing import preprocess
from image_scoring.images.reading import read_file
from image_scoring.model.spec import ModelSpec
from run_contract.image_paths import decode_path
from run_contract.layout import RunPaths, shard_name

VERIFICATION_IMAGES = 8


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

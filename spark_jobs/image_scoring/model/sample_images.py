"""The images of a run that a model is verified and calibrated with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from image_scoring.images.errors import ImageError
from image_scoring.images.loading import load_image
from image_scoring.images.manifest_shards import sample_rows
from image_scoring.images.preprocessing import preprocess
from image_scoring.model.spec import ModelSpec
from run_contract.image_paths import locate_image
from run_contract.layout import RunPaths, shard_name

VERIFICATION_IMAGES = 8
# The first rows of the manifest among which the verification images are looked for.
CANDIDATES = 100
CALIBRATION_IMAGES = 400


def verification_images(
    run: RunPaths, root: Path, spec: ModelSpec, count: int = VERIFICATION_IMAGES
) -> Iterator[NDArray[np.float32]]:
    """Yield the first images of the manifest that can be decoded, preprocessed (height, width, 3): 1 to `count`.

    A converted model is compared with Keras on them. When none of the first CANDIDATES images can be decoded, yields
    one image of noise, so that bad files at the start of a manifest do not stop the run.
    """
    found = 0
    paths = pq.ParquetFile(run.manifest / shard_name(0)).iter_batches(batch_size=CANDIDATES, columns=["img_path"])
    for img_path in next(paths).column(0).to_pylist():
        if found == count:
            return
        try:
            image = load_image(locate_image(root, img_path), spec.input_size, spec.preprocessing)
        except ImageError:
            continue
        yield image
        found += 1
    if not found:
        noise = np.random.default_rng(0).integers(0, 256, (*spec.input_size, 3), dtype=np.uint8)
        yield preprocess(noise, spec.preprocessing)


@dataclass(frozen=True)
class CalibrationImages:
    """Up to `count` preprocessed images (height, width, 3), evenly spaced over the manifest.

    Each iteration reads the same images again, one at a time, so that they are never all in memory. Images that cannot
    be decoded are left out.
    """

    run: RunPaths
    root: Path
    spec: ModelSpec
    count: int = CALIBRATION_IMAGES

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for row in sample_rows(self.run, self.count, ["img_path"]):
            try:
                yield load_image(
                    locate_image(self.root, row["img_path"]), self.spec.input_size, self.spec.preprocessing
                )
            except ImageError:
                continue

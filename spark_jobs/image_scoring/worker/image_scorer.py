"""Score images in a Python worker of Spark: rows of the manifest in, rows of predictions out."""

from __future__ import annotations

import os
from functools import cached_property
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from image_scoring.images.errors import ImageError
from image_scoring.images.loading import load_image
from image_scoring.model.engines.engine import Engine
from image_scoring.model.output_labels import labels_of
from image_scoring.model.spec import ModelSpec
from image_scoring.worker.scorer import ScoreCounts
from image_scoring.worker.watchdog import Watchdog
from run_contract.image_paths import locate_image
from run_contract.table import ERROR, PREDICTED


class ImageScorer:
    """Reads, decodes and predicts images in this process, in batches of the size that suits the engine.

    dataset_root: the directory that the manifest's paths are relative to. watchdog: ends the process if an image hangs.
    """

    def __init__(self, dataset_root: str, spec: ModelSpec, engine: Engine, watchdog: Watchdog) -> None:
        self._root = os.fsencode(dataset_root)
        self._spec = spec
        self._engine = engine
        self._watchdog = watchdog

    def score(self, paths: pd.Series, sizes: pd.Series, stamps: pd.Series) -> pd.DataFrame:
        rows = zip(paths, sizes, stamps, strict=True)
        errors: list[str | None] = []
        outputs: list[NDArray[np.float32]] = []
        with self._watchdog:
            while batch := list(islice(rows, len(self._buffer))):
                filled = 0
                for path, size, stamp in batch:
                    self._watchdog.feed()
                    error = self._load(path, int(size), int(stamp), self._buffer[filled])
                    errors.append(error)
                    filled += error is None
                if filled:
                    outputs.append(self._engine.predict(self._buffer[:filled]))
        return _frame(errors, outputs, self._spec)

    def take_counts(self) -> ScoreCounts:
        counts = self._engine.take_counts()
        return ScoreCounts(rerun=counts.rerun, rechecked=counts.rechecked, flips=counts.flips)

    @cached_property
    def _buffer(self) -> NDArray[np.float32]:
        """Preprocessed images (n, height, width, 3); each batch reuses the same memory."""
        return np.empty((self._engine.batch_size, *self._spec.input_size, 3), np.float32)

    def _load(self, img_path: str, size_bytes: int, modified_ns: int, out: NDArray[np.float32]) -> str | None:
        """Write the preprocessed image into `out` (height, width, 3), or return why it has no prediction."""
        path = locate_image(self._root, img_path)
        try:
            load_image(path, self._spec.input_size, self._spec.preprocessing, size_bytes, modified_ns, out)
        except ImageError as error:
            return str(error)
        return None


def _frame(errors: list[str | None], outputs: list[NDArray[np.float32]], spec: ModelSpec) -> pd.DataFrame:
    """Return the rows of udf.RESULT_SCHEMA.

    errors: for each image, None for a good one. outputs: of the good images, batch by batch, each (n, k).
    """
    good = np.array([error is None for error in errors], dtype=bool)
    prediction = np.full(len(errors), None, dtype=object)
    probability = np.full(len(errors), np.nan, dtype=np.float32)
    if outputs:
        prediction[good], probability[good] = labels_of(np.concatenate(outputs), spec)
    return pd.DataFrame(
        {
            "prediction": prediction,
            "probability": pd.Series(probability).astype("Float32").mask(~good),
            "status": np.where(good, PREDICTED, ERROR),
            "error": pd.Series(errors, dtype=object),
        }
    )

"""Score images in a Python worker of Spark: rows of the manifest in, rows of predictions out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from image_scoring.images.decoding import decode_image
from image_scoring.images.errors import ImageError
from image_scoring.images.preprocessing import preprocess
from image_scoring.images.reading import read_file
from image_scoring.model.engines import Engine, EngineChoice, open_engine
from image_scoring.model.output_labels import labels_of
from image_scoring.model.spec import ModelSpec
from image_scoring.worker.incremental import Basis, CarryOver
from image_scoring.worker.isolated_scorer import SupervisedScorer
from image_scoring.worker.preflight import Golden, check_engine, check_model
from image_scoring.worker.scorer import Scorer
from image_scoring.worker.watchdog import Watchdog
from run_contract.image_paths import decode_path
from run_contract.table import ERROR, PREDICTED


@dataclass(frozen=True)
class ScoringTask:
    """What every task needs to know; small enough to travel with it.

    image_timeout: seconds after which an image that neither fails nor ends counts as hung.
    """

    dataset_root: str
    spec: ModelSpec
    engine: EngineChoice
    golden: Golden
    image_timeout: float
    basis: Basis | None = None

    @property
    def model_id(self) -> str:
        return self.spec.model_id

    def open(self) -> Scorer:
        """The fast path. Raises PreflightError when this worker would not answer as the driver does."""
        return self._carrying(lambda: ImageScorer(self))

    def open_supervised(self) -> Scorer:
        """For a task that has failed before: survives an image that ends or hangs the interpreter."""
        # The parent's patience ends first, so that it is always the one who says why.
        alone = ScoringTask(self.dataset_root, self.spec, self.engine, self.golden, 2 * self.image_timeout)
        return self._carrying(lambda: SupervisedScorer(alone, self.image_timeout))

    def _carrying(self, open_scorer: Callable[[], Scorer]) -> Scorer:
        return CarryingScorer(open_scorer, CarryOver(self.basis)) if self.basis else open_scorer()


class ImageScorer:
    """Reads, decodes and predicts in this process, as many images at a time as the engine likes best."""

    def __init__(self, task: ScoringTask) -> None:
        self._task = task
        check_model(task.golden, task.engine)
        self._engine: Engine = open_engine(task.engine)
        check_engine(task.golden, task.spec, task.engine, self._engine)
        self._engine.take_counts()
        self._watchdog = Watchdog(task.image_timeout)

    def score(self, paths: pd.Series, sizes: pd.Series, stamps: pd.Series) -> pd.DataFrame:
        rows = zip(paths, sizes, stamps, strict=True)
        errors: list[str | None] = []
        outputs: list[NDArray[np.float32]] = []
        with self._watchdog:
            while chunk := list(islice(rows, len(self._buffer))):
                filled = 0
                for path, size, stamp in chunk:
                    self._watchdog.feed()
                    error = self._load(path, int(size), int(stamp), self._buffer[filled])
                    errors.append(error)
                    filled += error is None
                if filled:
                    outputs.append(self._engine.predict(self._buffer[:filled]))
        return _frame(errors, outputs, self._task.spec)

    def take_counts(self) -> dict[str, int]:
        return asdict(self._engine.take_counts())

    @cached_property
    def _buffer(self) -> NDArray[np.float32]:
        """Preprocessed images (n, height, width, 3), the same memory for every batch."""
        return np.empty((self._engine.batch_size, *self._task.spec.input_size, 3), np.float32)

    def _load(self, img_path: str, size_bytes: int, modified_ns: int, out: NDArray[np.float32]) -> str | None:
        """Fills `out` (height, width, 3) with the preprocessed image, or says why it cannot."""
        path = os.fsencode(self._task.dataset_root) + b"/" + decode_path(img_path)
        try:
            pixels = decode_image(read_file(path, size_bytes, modified_ns), self._task.spec.input_size)
        except ImageError as error:
            return str(error)
        preprocess(pixels, self._task.spec.preprocessing, out)
        return None


class CarryingScorer:
    """Takes what the basis has, and has the rest predicted: by a scorer that is opened when there is a rest."""

    def __init__(self, open_scorer: Callable[[], Scorer], carry_over: CarryOver) -> None:
        self._open_scorer, self._carry_over = open_scorer, carry_over
        self._scorer: Scorer | None = None
        self._carried = 0

    def score(self, paths: pd.Series, sizes: pd.Series, stamps: pd.Series) -> pd.DataFrame:
        result, found = self._carry_over.find(paths, sizes, stamps)
        self._carried += int(found.sum())
        if found.all():
            return result
        self._scorer = self._scorer or self._open_scorer()
        fresh = self._scorer.score(paths[~found], sizes[~found], stamps[~found])
        fresh.index = result.index[~found]
        return pd.concat([result[found], fresh]).sort_index()

    def take_counts(self) -> dict[str, int]:
        carried, self._carried = self._carried, 0
        return {**(self._scorer.take_counts() if self._scorer else {}), "carried": carried}


def _frame(errors: list[str | None], outputs: list[NDArray[np.float32]], spec: ModelSpec) -> pd.DataFrame:
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

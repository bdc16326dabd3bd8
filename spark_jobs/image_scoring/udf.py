"""The Pandas UDF: from the rows of the manifest to predictions, inside Spark's Python workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql.functions import pandas_udf
from pyspark.sql.types import StructType

from image_scoring.contract import ERROR, PREDICTED, decode_path
from image_scoring.engines import Engine, EngineChoice, open_engine
from image_scoring.labels import labels_of
from image_scoring.preprocess import ImageError, decode_image, preprocess, read_file
from image_scoring.spec import ModelSpec

# As types and not as text, which would take a session to read.
RESULT_SCHEMA = (
    StructType().add("prediction", "string").add("probability", "float").add("status", "string").add("error", "string")
)
# Images held in memory at once, 0.6 MB each at 224x224: whatever the size of Spark's Arrow batches.
MICRO_BATCH = 32


@dataclass(frozen=True)
class ScoringTask:
    """What every task needs to know."""

    dataset_root: str
    spec: ModelSpec
    engine: EngineChoice


@cache
def cached_engine(choice: EngineChoice) -> Engine:
    """One load per Python worker: Spark reuses workers from task to task, and so they keep the engine."""
    return open_engine(choice)


def make_predict_udf(task: ScoringTask) -> Any:
    """A Pandas UDF of the iterator kind: (img_path, size_bytes, modified_ns) -> RESULT_SCHEMA."""

    def predict(batches: Iterator[tuple[pd.Series, pd.Series, pd.Series]]) -> Iterator[pd.DataFrame]:
        engine = cached_engine(task.engine)
        for paths, sizes, stamps in batches:
            chunks = [
                score(task, engine, *(column.iloc[start : start + MICRO_BATCH] for column in (paths, sizes, stamps)))
                for start in range(0, len(paths), MICRO_BATCH)
            ]
            yield pd.concat(chunks, ignore_index=True)

    # Not deterministic in Spark's sense: it must never run twice for one row because a plan was rewritten.
    return pandas_udf(predict, RESULT_SCHEMA).asNondeterministic()


def score(task: ScoringTask, engine: Engine, paths: pd.Series, sizes: pd.Series, stamps: pd.Series) -> pd.DataFrame:
    """One row of RESULT_SCHEMA per image, in order; an image that cannot be read is an error row."""
    errors: list[str | None] = []
    images: list[NDArray[np.float32]] = []
    for path, size, stamp in zip(paths, sizes, stamps, strict=True):
        try:
            images.append(load_image(task, path, int(size), int(stamp)))
            errors.append(None)
        except ImageError as error:
            errors.append(str(error))
    good = np.array([error is None for error in errors])
    prediction = np.full(len(errors), None, dtype=object)
    probability = np.full(len(errors), np.nan, dtype=np.float32)
    if images:
        prediction[good], probability[good] = labels_of(engine.predict(np.stack(images)), task.spec)
    return pd.DataFrame(
        {
            "prediction": prediction,
            "probability": pd.Series(probability).astype("Float32").mask(~good),
            "status": np.where(good, PREDICTED, ERROR),
            "error": errors,
        }
    )


def load_image(task: ScoringTask, img_path: str, size_bytes: int, modified_ns: int) -> NDArray[np.float32]:
    """The preprocessed image (height, width, 3) of one row of the manifest. Raises ImageError."""
    path = os.fsencode(task.dataset_root) + b"/" + decode_path(img_path)
    pixels = decode_image(read_file(path, size_bytes, modified_ns), task.spec.input_size)
    return preprocess(pixels, task.spec.preprocessing)

"""The Pandas UDF: from the rows of the manifest to predictions, inside Spark's Python workers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Hashable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from pyspark import TaskContext
from pyspark.sql.functions import pandas_udf
from pyspark.sql.types import StructType

from image_scoring.worker.scorer import Scorer
from run_contract.files import write_json

# As types and not as text, which would take a session to read.
RESULT_SCHEMA = (
    StructType().add("prediction", "string").add("probability", "float").add("status", "string").add("error", "string")
)


class Task(Hashable, Protocol):
    """What opens a scorer in a Python worker; hashable, and pickled with every task of Spark."""

    @property
    def model_id(self) -> str: ...

    def open(self) -> Scorer: ...

    def open_supervised(self) -> Scorer: ...


@lru_cache(maxsize=1)
def cached_scorer(task: Task) -> Scorer:
    """One load per Python worker: Spark reuses workers from task to task, and so they keep the engine."""
    return task.open()


def make_predict_udf(task: Task, counts: Path) -> Any:
    """A Pandas UDF of the iterator kind: (img_path, shard, size_bytes, modified_ns) -> RESULT_SCHEMA.

    The scorer's counts of each shard are written to counts_path(counts, shard), for the driver to read.
    """

    def predict(batches: Iterator[tuple[pd.Series, pd.Series, pd.Series, pd.Series]]) -> Iterator[pd.DataFrame]:
        # The same rows have failed before: this time no image may end the worker.
        scorer = task.open_supervised() if _attempt() else cached_scorer(task)
        done: Counter[str] = Counter()
        shard, began = None, time.time()
        for paths, shards, sizes, stamps in batches:
            if len(paths):
                shard = int(shards.iloc[0])
                yield scorer.score(paths, sizes, stamps)
                done.update(scorer.take_counts())
        if shard is not None:
            write_json(counts_path(counts, shard), {**done, "began": began, "ended": time.time()})

    # Not deterministic in Spark's sense: it must never run twice for one row because a plan was rewritten.
    return pandas_udf(predict, RESULT_SCHEMA).asNondeterministic()


def counts_path(directory: Path, shard: int) -> Path:
    return directory / f"shard-{shard:06d}.json"


def _attempt() -> int:
    """How often Spark has tried this task before."""
    context = TaskContext.get()
    return context.attemptNumber() if context else 0

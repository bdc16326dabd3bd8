"""The Pandas UDF: from the rows of the manifest to predictions, inside Spark's Python workers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark import TaskContext
from pyspark.sql.functions import pandas_udf
from pyspark.sql.types import StructType

from image_scoring.worker.scorer import ScoreCounts, Scorer, ScorerFactory
from run_contract.record import write_record
from run_contract.records.predict import ShardCounts

# A StructType, because parsing a schema from text needs a session.
RESULT_SCHEMA = (
    StructType().add("prediction", "string").add("probability", "float").add("status", "string").add("error", "string")
)


@lru_cache(maxsize=1)
def cached_scorer(factory: ScorerFactory) -> Scorer:
    """Return this Python worker's scorer. Spark reuses workers, so the model is loaded once and not once a task."""
    return factory.open()


def make_predict_udf(factory: ScorerFactory, counts: Path) -> Any:
    """Return a Pandas UDF of the iterator kind: (img_path, shard, size_bytes, modified_ns) -> RESULT_SCHEMA.

    The counts of each shard are written to counts_path(counts, shard), for the driver to read.
    """

    def predict(batches: Iterator[tuple[pd.Series, pd.Series, pd.Series, pd.Series]]) -> Iterator[pd.DataFrame]:
        # A task that failed before may hold an image that crashes Python: its retries run in isolation.
        scorer = factory.open_isolated() if _attempt() else cached_scorer(factory)
        done = ScoreCounts()
        shard, began = None, time.time()
        for paths, shards, sizes, stamps in batches:
            if len(paths):
                shard = int(shards.iloc[0])
                yield scorer.score(paths, sizes, stamps)
                done += scorer.take_counts()
        if shard is not None:
            write_record(counts_path(counts, shard), ShardCounts(**asdict(done), began=began, ended=time.time()))

    # Not deterministic in Spark's sense: the optimizer must not plan a second call for the same row.
    return pandas_udf(predict, RESULT_SCHEMA).asNondeterministic()


def counts_path(directory: Path, shard: int) -> Path:
    """Return where the counts of a shard are below `directory`."""
    return directory / f"shard-{shard:06d}.json"


def _attempt() -> int:
    """How often Spark has tried this task before."""
    context = TaskContext.get()
    return context.attemptNumber() if context else 0

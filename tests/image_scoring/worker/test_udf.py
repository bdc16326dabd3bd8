"""The function that Spark's Python workers run, called without Spark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark import TaskContext

from image_scoring.worker import udf
from image_scoring.worker.scorer import ScoreCounts, Scorer
from image_scoring.worker.udf import RESULT_SCHEMA, counts_path, make_predict_udf
from run_contract.record import read_record
from run_contract.records.predict import ShardCounts

Batch = tuple[pd.Series, pd.Series, pd.Series, pd.Series]


@dataclass
class EchoScorer:
    """Returns what it was given, and counts images (carried) and batches (rerun)."""

    kind: str
    counts: ScoreCounts = field(default_factory=ScoreCounts)

    def score(self, paths: pd.Series, sizes: pd.Series, stamps: pd.Series) -> pd.DataFrame:
        self.counts += ScoreCounts(carried=len(paths), rerun=1)
        text = [f"{path} {size} {stamp}" for path, size, stamp in zip(paths, sizes, stamps, strict=True)]
        return pd.DataFrame({"prediction": text, "error": [self.kind] * len(paths)})

    def take_counts(self) -> ScoreCounts:
        counts, self.counts = self.counts, ScoreCounts()
        return counts


@dataclass(frozen=True)
class EchoScorerFactory:
    name: str
    opened: list[str] = field(default_factory=list, compare=False)
    model_id: str = "echo@0"

    def open(self) -> Scorer:
        self.opened.append("fast")
        return EchoScorer("fast")

    def open_isolated(self) -> Scorer:
        self.opened.append("isolated")
        return EchoScorer("isolated")


@pytest.fixture(autouse=True)
def _new_worker() -> Iterator[None]:
    udf.cached_scorer.cache_clear()
    yield
    udf.cached_scorer.cache_clear()


@pytest.fixture
def attempt() -> Iterator[TaskContext]:
    """The context of a Spark task, as Spark's worker sets it."""
    context = TaskContext._getOrCreate()
    context._attemptNumber = 0
    yield context
    TaskContext._setTaskContext(None)


def batch(shard: int, *paths: str) -> Batch:
    numbers = np.arange(len(paths))
    return pd.Series(paths, dtype=object), pd.Series(numbers * 0 + shard), pd.Series(numbers), pd.Series(numbers + 10)


def run_udf(factory: EchoScorerFactory, counts: Path, batches: list[Batch]) -> list[pd.DataFrame]:
    function: Any = make_predict_udf(factory, counts).func
    results: Iterator[pd.DataFrame] = function(iter(batches))
    return list(results)


def counts_of(directory: Path, shard: int) -> ShardCounts:
    counts = read_record(ShardCounts, counts_path(directory, shard))
    assert counts is not None
    return counts


def test_each_batch_comes_back_with_its_rows(tmp_path: Path) -> None:
    results = run_udf(EchoScorerFactory("a"), tmp_path, [batch(3, "x", "y"), batch(3, "z")])
    assert [list(result["prediction"]) for result in results] == [["x 0 10", "y 1 11"], ["z 0 10"]]


def test_the_counts_of_a_shard_are_those_of_all_its_batches(tmp_path: Path) -> None:
    run_udf(EchoScorerFactory("a"), tmp_path, [batch(3, "x", "y"), batch(3), batch(3, "z")])
    run_udf(EchoScorerFactory("a"), tmp_path, [batch(12, "x")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shard-000003.json", "shard-000012.json"]
    first, second = (counts_of(tmp_path, shard) for shard in (3, 12))
    assert (first.carried, first.rerun) == (3, 2)
    assert (second.carried, second.rerun) == (1, 1)
    times = [first.began, first.ended, second.began, second.ended]
    assert times == sorted(moment for moment in times if moment)


def test_a_task_without_rows_writes_nothing(tmp_path: Path) -> None:
    assert run_udf(EchoScorerFactory("a"), tmp_path, []) == []
    assert run_udf(EchoScorerFactory("a"), tmp_path, [batch(3)]) == []
    assert list(tmp_path.iterdir()) == []


def test_the_counts_are_written_after_all_rows(tmp_path: Path) -> None:
    function: Any = make_predict_udf(EchoScorerFactory("a"), tmp_path).func
    results = function(iter([batch(3, "x"), batch(3, "y")]))
    next(results)
    next(results)
    assert list(tmp_path.iterdir()) == []
    assert list(results) == []
    assert counts_path(tmp_path, 3).exists()


def test_a_worker_opens_one_scorer_for_each_factory(tmp_path: Path, attempt: TaskContext) -> None:
    opened: list[str] = []
    for _ in range(3):
        run_udf(EchoScorerFactory("a", opened), tmp_path, [batch(0, "x"), batch(0, "y")])
    assert opened == ["fast"]
    run_udf(EchoScorerFactory("b", opened), tmp_path, [batch(0, "x")])
    assert opened == ["fast", "fast"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_task_that_failed_before_is_scored_in_isolation(number: int, tmp_path: Path, attempt: TaskContext) -> None:
    opened: list[str] = []
    attempt._attemptNumber = number
    (result,) = run_udf(EchoScorerFactory("a", opened), tmp_path, [batch(0, "x")])
    assert list(result["error"]) == ["isolated"]
    assert opened == ["isolated"]
    assert counts_of(tmp_path, 0).carried == 1
    attempt._attemptNumber = 0
    (result,) = run_udf(EchoScorerFactory("a", opened), tmp_path, [batch(0, "x")])
    assert list(result["error"]) == ["fast"]  # the next task of this worker has not failed


def test_spark_may_not_call_it_twice_for_a_row(tmp_path: Path) -> None:
    function = make_predict_udf(EchoScorerFactory("a"), tmp_path)
    assert function.deterministic is False
    assert function.returnType == RESULT_SCHEMA
    assert RESULT_SCHEMA.fieldNames() == ["prediction", "probability", "status", "error"]

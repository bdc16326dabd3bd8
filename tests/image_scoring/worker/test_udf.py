"""The function that Spark's Python workers run, without Spark around it."""

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
from image_scoring.worker.udf import RESULT_SCHEMA, counts_path, make_predict_udf
from run_contract.files import read_json

Batch = tuple[pd.Series, pd.Series, pd.Series, pd.Series]


@dataclass
class EchoScorer:
    """Says what it was asked, and counts images and batches."""

    kind: str
    counts: dict[str, int] = field(default_factory=dict)

    def score(self, paths: pd.Series, sizes: pd.Series, stamps: pd.Series) -> pd.DataFrame:
        self.counts = {"images": self.counts.get("images", 0) + len(paths), "rerun": 1}
        text = [f"{path} {size} {stamp}" for path, size, stamp in zip(paths, sizes, stamps, strict=True)]
        return pd.DataFrame({"prediction": text, "error": [self.kind] * len(paths)})

    def take_counts(self) -> dict[str, int]:
        counts, self.counts = self.counts, {}
        return counts


@dataclass(frozen=True)
class EchoTask:
    name: str
    opened: list[str] = field(default_factory=list, compare=False)
    model_id = "echo@0"

    def open(self) -> EchoScorer:
        self.opened.append("fast")
        return EchoScorer("fast")

    def open_supervised(self) -> EchoScorer:
        self.opened.append("supervised")
        return EchoScorer("supervised")


@pytest.fixture(autouse=True)
def _new_worker() -> Iterator[None]:
    udf.cached_scorer.cache_clear()
    yield
    udf.cached_scorer.cache_clear()


@pytest.fixture
def attempt() -> Iterator[TaskContext]:
    """The context of a task, as Spark's worker sets it."""
    context = TaskContext._getOrCreate()
    context._attemptNumber = 0
    yield context
    TaskContext._setTaskContext(None)


def batch(shard: int, *paths: str) -> Batch:
    numbers = np.arange(len(paths))
    return pd.Series(paths, dtype=object), pd.Series(numbers * 0 + shard), pd.Series(numbers), pd.Series(numbers + 10)


def run_udf(task: EchoTask, counts: Path, batches: list[Batch]) -> list[pd.DataFrame]:
    function: Any = make_predict_udf(task, counts).func
    results: Iterator[pd.DataFrame] = function(iter(batches))
    return list(results)


def test_each_batch_comes_back_with_its_rows(tmp_path: Path) -> None:
    results = run_udf(EchoTask("a"), tmp_path, [batch(3, "x", "y"), batch(3, "z")])
    assert [list(result["prediction"]) for result in results] == [["x 0 10", "y 1 11"], ["z 0 10"]]


def test_the_counts_of_a_shard_are_those_of_all_its_batches(tmp_path: Path) -> None:
    run_udf(EchoTask("a"), tmp_path, [batch(3, "x", "y"), batch(3), batch(3, "z")])
    run_udf(EchoTask("a"), tmp_path, [batch(12, "x")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shard-000003.json", "shard-000012.json"]
    first, second = (read_json(counts_path(tmp_path, shard)) for shard in (3, 12))
    assert (first["images"], first["rerun"]) == (3, 2)
    assert (second["images"], second["rerun"]) == (1, 1)
    assert 0 < first["began"] <= first["ended"] <= second["began"] <= second["ended"]


def test_a_task_without_rows_writes_nothing(tmp_path: Path) -> None:
    assert run_udf(EchoTask("a"), tmp_path, []) == []
    assert run_udf(EchoTask("a"), tmp_path, [batch(3)]) == []
    assert list(tmp_path.iterdir()) == []


def test_the_counts_are_there_only_when_all_rows_are(tmp_path: Path) -> None:
    function: Any = make_predict_udf(EchoTask("a"), tmp_path).func
    results = function(iter([batch(3, "x"), batch(3, "y")]))
    next(results)
    next(results)
    assert list(tmp_path.iterdir()) == []
    assert list(results) == []
    assert counts_path(tmp_path, 3).exists()


def test_a_worker_opens_the_scorer_once_and_another_one_for_another_task(tmp_path: Path, attempt: TaskContext) -> None:
    opened: list[str] = []
    for _ in range(3):
        run_udf(EchoTask("a", opened), tmp_path, [batch(0, "x"), batch(0, "y")])
    assert opened == ["fast"]
    run_udf(EchoTask("b", opened), tmp_path, [batch(0, "x")])
    assert opened == ["fast", "fast"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_has_failed_before_is_scored_under_supervision(number: int, tmp_path: Path, attempt: TaskContext) -> None:
    opened: list[str] = []
    attempt._attemptNumber = number
    (result,) = run_udf(EchoTask("a", opened), tmp_path, [batch(0, "x")])
    assert list(result["error"]) == ["supervised"]
    assert opened == ["supervised"]
    assert read_json(counts_path(tmp_path, 0))["images"] == 1
    attempt._attemptNumber = 0
    (result,) = run_udf(EchoTask("a", opened), tmp_path, [batch(0, "x")])
    assert list(result["error"]) == ["fast"]  # the next task of this worker has not failed


def test_spark_may_not_run_it_twice_for_a_row(tmp_path: Path) -> None:
    function = make_predict_udf(EchoTask("a"), tmp_path)
    assert function.deterministic is False
    assert function.returnType == RESULT_SCHEMA
    assert RESULT_SCHEMA.fieldNames() == ["prediction", "probability", "status", "error"]

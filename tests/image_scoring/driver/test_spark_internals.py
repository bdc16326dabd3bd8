"""The private parts of Spark that the driver uses are there. After an upgrade this test names what is missing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyspark import SparkContext, __version__
from pyspark.sql import SparkSession

from image_scoring.driver.spark_internals import executor_cores

pytestmark = pytest.mark.slow

# Each step takes the value of the step before it.
STEPS: dict[str, Callable[[Any], Any]] = {
    "SparkContext._jsc": lambda context: context._jsc,
    "JavaSparkContext.sc()": lambda java_context: java_context.sc(),
    "SparkContext.statusStore() in Scala": lambda scala_context: scala_context.statusStore(),
    "AppStatusStore.executorList(activeOnly)": lambda store: store.executorList(True),
    "the Seq of AppStatusStore.executorList": lambda executors: [executors.apply(n) for n in range(executors.size())],
    "ExecutorSummary.id()": lambda executors: [(each.id(), each) for each in executors],
    "ExecutorSummary.totalCores()": lambda executors: {name: each.totalCores() for name, each in executors},
}


@pytest.fixture(scope="module")
def context() -> Iterator[SparkContext]:
    logging.getLogger("py4j.clientserver").setLevel(logging.WARNING)  # it logs at exit, to a closed stream
    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    yield spark.sparkContext
    spark.stop()


def test_each_private_part_is_there(context: SparkContext) -> None:
    value: Any = context
    for part, step in STEPS.items():
        try:
            value = step(value)
        except Exception as error:
            pytest.fail(f"Spark {__version__}: {part}, which driver/spark_internals.py uses, is missing ({error})")
    assert value == {"driver": 2}


def test_the_driver_is_no_executor(context: SparkContext) -> None:
    assert executor_cores(context) == []

"""The private parts of Spark that the driver uses are there. After an upgrade this test names what is missing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from pyspark import __version__
from pyspark.sql import SparkSession

from image_scoring.driver.spark_internals import executor_cores

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


def use_private_parts() -> tuple[dict[str, int], list[int]]:
    """Return the cores of each executor, step by step and from the driver's own function."""
    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    value: Any = spark.sparkContext
    for part, step in STEPS.items():
        try:
            value = step(value)
        except Exception as error:
            raise AssertionError(
                f"Spark {__version__}: {part}, which driver/spark_internals.py uses, is missing ({error})"
            ) from None
    cores = executor_cores(spark.sparkContext)
    spark.stop()
    return value, cores


@pytest.mark.slow
def test_each_private_part_is_there_and_the_driver_is_no_executor() -> None:
    # In a process of its own, with which the JVM ends.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        cores_of_all, cores_of_executors = pool.submit(use_private_parts).result()
    assert cores_of_all == {"driver": 2}
    assert cores_of_executors == []

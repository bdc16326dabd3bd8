"""The private parts of Spark that the driver uses; no other module names one.

tests/image_scoring/driver/test_spark_internals.py names the part that an upgrade of Spark took away.
"""

from __future__ import annotations

from pyspark import SparkContext


def executor_cores(context: SparkContext) -> list[int]:
    """Return the number of cores of each live executor.

    PySpark has no public call for it, and Spark's REST API is not there when its UI is off.
    """
    executors = context._jsc.sc().statusStore().executorList(True)
    found = [executors.apply(index) for index in range(executors.size())]
    return [executor.totalCores() for executor in found if executor.id() != "driver"]

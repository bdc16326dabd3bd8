"""Count the executors of this application, and wait for them."""

from __future__ import annotations

import time

from pyspark.sql import SparkSession

from image_scoring.driver.spark_internals import executor_cores
from run_contract.errors import TemporaryError

NO_EXECUTORS_SECONDS = 120.0


class Executors:
    """The live executors of this application."""

    def __init__(self, spark: SparkSession) -> None:
        self._context = spark.sparkContext
        self._alive_at = time.monotonic()

    def wait_for_executors(self) -> None:
        """Return when there is an executor. Raises TemporaryError when none starts."""
        while not self.workers():
            self.check_alive()
            time.sleep(0.05)  # check_alive has the deadline
        self._alive_at = time.monotonic()

    def cores(self) -> int:
        """Return the cores of all executors."""
        return sum(executor_cores(self._context))

    def workers(self) -> int:
        """Return the number of executors."""
        return len(executor_cores(self._context))

    def check_alive(self) -> None:
        """Raise TemporaryError when there has been no executor for NO_EXECUTORS_SECONDS."""
        if self.workers():
            self._alive_at = time.monotonic()
        elif time.monotonic() - self._alive_at > NO_EXECUTORS_SECONDS:
            raise TemporaryError(
                f"Spark master {self._context.master}: no executors for {NO_EXECUTORS_SECONDS:.0f} s; "
                "start workers, or free cores that another application holds"
            )

"""What the driver knows of its executors."""

from __future__ import annotations

import time
from typing import Any

from pyspark.sql import SparkSession

from run_contract.errors import TemporaryError

NO_EXECUTORS_SECONDS = 120.0


class Executors:
    """The executors of this application, from Spark's own status store (there with the UI off, too)."""

    def __init__(self, spark: SparkSession) -> None:
        self._context: Any = spark.sparkContext
        self._alive_at = time.monotonic()

    def wait_for_executors(self) -> None:
        """Returns when the first executor is there. Raises TemporaryError when none comes."""
        while not self._executors():
            self.check_alive()
            time.sleep(0.05)  # a poll: the deadline is check_alive's
        self._alive_at = time.monotonic()

    def cores(self) -> int:
        return sum(executor.totalCores() for executor in self._executors())

    def workers(self) -> int:
        return len(self._executors())

    def check_alive(self) -> None:
        """Raises TemporaryError when there has been no executor for NO_EXECUTORS_SECONDS."""
        if self._executors():
            self._alive_at = time.monotonic()
        elif time.monotonic() - self._alive_at > NO_EXECUTORS_SECONDS:
            raise TemporaryError(
                f"Spark master {self._context.master}: no executors for {NO_EXECUTORS_SECONDS:.0f} s; "
                "start workers, or free cores that another application holds"
            )

    def tasks_done(self, job_group: str) -> tuple[int, int]:
        """Finished tasks and all tasks of the jobs in `job_group` that are running."""
        tracker = self._context.statusTracker()
        done = total = 0
        for job_id in tracker.getJobIdsForGroup(job_group):
            job = tracker.getJobInfo(job_id)
            if job is None or job.status != "RUNNING":
                continue
            for stage in filter(None, map(tracker.getStageInfo, job.stageIds)):
                done, total = done + stage.numCompletedTasks, total + stage.numTasks
        return done, total

    def _executors(self) -> list[Any]:
        executors = self._context._jsc.sc().statusStore().executorList(True)
        every = [executors.apply(index) for index in range(executors.size())]
        return [executor for executor in every if executor.id() != "driver"]

"""The driver's loop: shards in waves, each wave a Spark job, each shard committed on its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col, lit

from image_scoring.cluster import Cluster
from image_scoring.contract import PREDICTION_COLUMNS, RunPaths, TemporaryError, shard_name
from image_scoring.fence import Fence
from image_scoring.files import remove
from image_scoring.manifest_shards import MANIFEST_SCHEMA, Committed, commit_shards, manifest_rows
from image_scoring.progress import Progress
from image_scoring.udf import ScoringTask, make_predict_udf

# Two waves at a time: while the last tasks of one finish, the first of the next keep the other cores busy.
WAVES_IN_FLIGHT = 2
SHARDS_PER_CORE = 4
POLL_SECONDS = 0.5


@dataclass
class WaveRunner:
    """Predicts the shards that are still to do."""

    spark: SparkSession
    cluster: Cluster
    run: RunPaths
    task: ScoringTask
    fence: Fence
    progress: Progress

    def predict(self, shards: list[int]) -> None:
        """Predicts and commits `shards`; returns when all are in place.

        Raises Fenced when another attempt took over, TemporaryError when the cluster is gone. Shards that
        were committed before stay.
        """
        waiting = deque(shards)
        running: dict[Future[list[Committed]], list[int]] = {}
        self.progress.start_predicting()
        pool = ThreadPoolExecutor(WAVES_IN_FLIGHT, thread_name_prefix="wave")
        try:
            while waiting or running:
                while waiting and len(running) < WAVES_IN_FLIGHT:
                    wave = self._next_wave(waiting)
                    running[pool.submit(self._run_wave, wave)] = wave
                done, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    self._check_whole(running.pop(future), future)
                self._watch(running.values())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            self.spark.sparkContext.cancelAllJobs()
            pool.shutdown(wait=True)

    def _next_wave(self, waiting: deque[int]) -> list[int]:
        """As many shards as keep the cores of this moment busy: executors come and go while a run lasts."""
        size = max(self.cluster.cores(), 1) * SHARDS_PER_CORE
        return [waiting.popleft() for _ in range(min(size, len(waiting)))]

    def _run_wave(self, shards: list[int]) -> list[Committed]:
        staged = self.run.staging / self.fence.token / f"wave-{shards[0]:06d}"
        self.spark.sparkContext.setJobGroup(_group(shards), f"predict {_group(shards)}")
        self._score(shards).write.parquet(str(staged))
        committed = []
        for shard in commit_shards(self.run, staged, self.fence):
            self.progress.commit(shard.rows, shard.errors)
            committed.append(shard)
        remove(staged)
        return committed

    def _score(self, shards: list[int]) -> DataFrame:
        """PREDICTION_COLUMNS and the shard; one partition, and so one file, for each shard: no shuffle."""
        files = [str(self.run.manifest / shard_name(shard)) for shard in shards]
        predict = make_predict_udf(self.task)
        return (
            self.spark.read.schema(MANIFEST_SCHEMA)
            .parquet(*files)
            .select("img_path", "shard", predict("img_path", "size_bytes", "modified_ns").alias("result"))
            .select("img_path", "shard", "result.*", lit(self.task.spec.model_id).alias("model"))
            .select(*PREDICTION_COLUMNS, col("shard"))
        )

    def _check_whole(self, shards: list[int], future: Future[list[Committed]]) -> None:
        if sorted(commit.shard for commit in future.result()) != sorted(shards):
            raise TemporaryError(
                f"run {self.run.run_key}: Spark wrote {len(future.result())} of {len(shards)} shards of a wave; "
                "run predict again, it goes on with the missing ones"
            )

    def _watch(self, running: Iterable[list[int]]) -> None:
        """Every half second: is this still the newest attempt, are there executors, how far is it."""
        self.fence.check()
        self.cluster.check_alive()
        self.progress.cores, self.progress.workers = self.cluster.cores(), self.cluster.workers()
        self.progress.rows_in_flight = self._rows_in_flight(running)
        self.progress.write(self.run.progress)

    def _rows_in_flight(self, running: Iterable[list[int]]) -> int:
        """Rows of the finished tasks of the waves that are not committed yet, taking their shards for alike."""
        rows = 0
        for shards in running:
            done, total = self.cluster.tasks_done(_group(shards))
            if total:
                rows += done * sum(manifest_rows(self.run, shard) for shard in shards) // total
        return rows


def _group(shards: list[int]) -> str:
    return f"shards {shards[0]} to {shards[-1]}"

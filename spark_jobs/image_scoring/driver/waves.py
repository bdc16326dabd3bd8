"""The driver's loop: shards in waves, each wave a Spark job; each shard is committed as soon as its task is done."""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col, lit
from pyspark.sql.types import StructType

from image_scoring.driver.commits import commit_staged
from image_scoring.driver.executors import Executors
from image_scoring.driver.fencing_token import FencingToken
from image_scoring.driver.progress import ProgressReporter
from image_scoring.worker.scorer import ScorerFactory
from image_scoring.worker.udf import make_predict_udf
from run_contract.errors import TemporaryError
from run_contract.files import remove
from run_contract.layout import RunPaths, shard_name
from run_contract.table import PREDICTION_COLUMNS

# Two waves at a time: while the last tasks of one finish, the first tasks of the next keep the other cores busy.
WAVES_IN_FLIGHT = 2
SHARDS_PER_CORE = 4
POLL_SECONDS = 0.5
MANIFEST_SCHEMA = (
    StructType()
    .add("img_path", "string")
    .add("shard", "integer")
    .add("size_bytes", "long")
    .add("modified_ns", "long")
    .add("label", "string")
    .add("source", "string")
)


@dataclass
class Wave:
    """The shards that one Spark job predicts. staged: the directory where its tasks leave them."""

    shards: list[int]
    staged: Path
    committed: set[int] = field(default_factory=set)

    @property
    def name(self) -> str:
        return f"shards {self.shards[0]} to {self.shards[-1]}"


@dataclass
class WaveRunner:
    """Predicts and commits shards."""

    spark: SparkSession
    executors: Executors
    run: RunPaths
    factory: ScorerFactory
    fencing_token: FencingToken
    progress: ProgressReporter

    def __post_init__(self) -> None:
        # Not shared with another runner: after a switch to f32, cancelled tasks of the cascade may still write files.
        self._staging = self.run.staging / self.fencing_token.value / uuid4().hex[:8]

    def predict(self, shards: list[int]) -> None:
        """Predict and commit `shards`; return when all are in place.

        Raises AttemptSuperseded when a newer attempt has taken over, LabelsFlipped when a cascade was wrong,
        TemporaryError when the cluster is gone. Committed shards stay.
        """
        waiting = deque(shards)
        running: dict[Future[None], Wave] = {}
        self.progress.start_predicting()
        pool = ThreadPoolExecutor(WAVES_IN_FLIGHT, thread_name_prefix="wave")
        try:
            while waiting or running:
                while waiting and len(running) < WAVES_IN_FLIGHT:
                    wave = self._next_wave(waiting)
                    running[pool.submit(self._run_wave, wave)] = wave
                wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                done = [future for future in running if future.done()]
                for wave in running.values():
                    self._commit(wave)
                self._check_and_report()
                for future in done:
                    self._finish(running.pop(future), future)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            self.spark.sparkContext.cancelAllJobs()
            pool.shutdown(wait=True)

    def _next_wave(self, waiting: deque[int]) -> Wave:
        """Take as many shards as suit the present number of cores: executors come and go during a run."""
        size = max(self.executors.cores(), 1) * SHARDS_PER_CORE
        shards = [waiting.popleft() for _ in range(min(size, len(waiting)))]
        return Wave(shards, self._staging / f"wave-{shards[0]:06d}")

    def _run_wave(self, wave: Wave) -> None:
        self.spark.sparkContext.setJobGroup(wave.name, f"predict {wave.name}")
        self._score(wave.shards).write.parquet(str(wave.staged))

    def _score(self, shards: list[int]) -> DataFrame:
        """Return PREDICTION_COLUMNS and the shard; one partition, and so one file, for each shard: no shuffle."""
        files = [str(self.run.manifest / shard_name(shard)) for shard in shards]
        predict = make_predict_udf(self.factory, self._counts)
        return (
            self.spark.read.schema(MANIFEST_SCHEMA)
            .parquet(*files)
            .select("img_path", "shard", predict("img_path", "shard", "size_bytes", "modified_ns").alias("result"))
            .select("img_path", "shard", "result.*", lit(self.factory.model_id).alias("model"))
            .select(*PREDICTION_COLUMNS, col("shard"))
        )

    @property
    def _counts(self) -> Path:
        """The directory of the ShardCounts."""
        return self._staging / "counts"

    def _commit(self, wave: Wave) -> None:
        for commit in commit_staged(self.run, wave.staged, self._counts, self.fencing_token):
            # Spark runs a task again if its executor died after the work: the same rows, to be counted once.
            if commit.shard not in wave.committed:
                self.progress.add(commit)
            wave.committed.add(commit.shard)

    def _finish(self, wave: Wave, future: Future[None]) -> None:
        future.result()
        if wave.committed != set(wave.shards):
            raise TemporaryError(
                f"run {self.run.run_key}: Spark wrote {len(wave.committed)} of {len(wave.shards)} shards of a wave; "
                "run predict again to continue with the missing shards"
            )
        remove(wave.staged)

    def _check_and_report(self) -> None:
        """Check that this attempt is the newest and has executors, and write the progress."""
        self.fencing_token.check()
        self.executors.check_alive()
        self.progress.set_executors(self.executors.cores(), self.executors.workers())
        self.progress.write()

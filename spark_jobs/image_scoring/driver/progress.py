"""Report the progress of a predict attempt in progress.json."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from image_scoring.model.engines.engine import EngineChoice
from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.record import write_record
from run_contract.records.predict import CommitRecord, DriverState, ProgressRecord, ProgressSample

MOST_SAMPLES = 240
FINEST_SECONDS = 0.5


class ProgressReporter:
    """Keeps the progress of one predict attempt; `write` replaces the file as a whole.

    record: the newest state. image_timeout: seconds after which an image counts as hung.
    """

    def __init__(self, path: Path, run_key: str, attempt: str, image_timeout: float = 0.0) -> None:
        self._path = path
        self._started = time.monotonic()
        now = datetime.now(UTC)
        self.record = ProgressRecord(run_key, attempt, started_at=now, updated_at=now, image_timeout=image_timeout)
        self.resume(0, 0, ())

    def resume(
        self,
        rows_total: int,
        shards_total: int,
        commits: Sequence[CommitRecord],
        samples: Iterable[ProgressSample] = (),
    ) -> None:
        """Start from `commits` and the samples of the attempts that made them."""
        # Unix time, seconds: the first image begun and the last result of this attempt.
        self._began, self._ended = math.inf, -math.inf
        rows = sum(commit.rows for commit in commits)
        self.record = replace(
            self.record,
            rows_total=rows_total,
            rows_resumed=rows,
            rows_done=rows,
            errors=sum(commit.errors for commit in commits),
            carried=sum(commit.carried for commit in commits),
            rerun=sum(commit.rerun for commit in commits),
            rechecked=sum(commit.rechecked for commit in commits),
            shards_total=shards_total,
            shards_done=len(commits),
            samples=tuple(sample for sample in samples if sample.rows <= rows),
        )

    def forget_commits(self) -> None:
        """Start again: all predictions of the run were removed."""
        self.resume(self.record.rows_total, self.record.shards_total, ())

    def set_engine(self, choice: EngineChoice, model_id: str) -> None:
        self.record = replace(
            self.record,
            engine=choice.name,
            precision=choice.precision,
            label_agreement=choice.agreement,
            model=model_id,
        )

    def set_flips(self, flips: int) -> None:
        self.record = replace(self.record, flips=flips)

    def set_executors(self, cores: int, workers: int) -> None:
        self.record = replace(self.record, cores=cores, workers=workers)

    def wait_for_executors(self) -> None:
        self.record = replace(self.record, waiting=True)
        self.write()

    def start_predicting(self) -> None:
        self.record = replace(self.record, state=DriverState.PREDICTING, waiting=False)

    def add(self, commit: CommitRecord) -> None:
        """Count a shard that this attempt has committed."""
        self.record = replace(
            self.record,
            rows_done=self.record.rows_done + commit.rows,
            errors=self.record.errors + commit.errors,
            carried=self.record.carried + commit.carried,
            rerun=self.record.rerun + commit.rerun,
            rechecked=self.record.rechecked + commit.rechecked,
            shards_done=self.record.shards_done + 1,
        )
        if commit.began is not None and commit.ended is not None:
            self._began, self._ended = min(self._began, commit.began), max(self._ended, commit.ended)

    def finish(self) -> None:
        self.record = replace(self.record, state=DriverState.FINISHED, eta_seconds=0.0)
        self.write()

    def fail(self, error: BatchPredictionsError) -> None:
        self.record = replace(
            self.record,
            state=DriverState.FAILED,
            message=str(error),
            worth_retrying=isinstance(error, TemporaryError),
            eta_seconds=None,
        )
        self.write()

    def write(self) -> None:
        """Write progress.json; while predicting, add a sample and estimate the remaining time before."""
        elapsed = round(time.monotonic() - self._started, 3)
        self.record = replace(self.record, elapsed_seconds=elapsed, updated_at=datetime.now(UTC))
        if self.record.state == DriverState.PREDICTING:
            self._sample()
            self._estimate()
        write_record(self._path, self.record)

    def _sample(self) -> None:
        sample = ProgressSample(round(time.time(), 2), self.record.rows_done, self.record.cores)
        self.record = replace(self.record, samples=add_sample(self.record.samples, sample))

    def _estimate(self) -> None:
        """Set the pace and the remaining time, once this attempt has rows to measure them on."""
        rows = self.record.rows_done - self.record.rows_resumed
        if rows > 0 and self._ended > self._began:
            pace = rows / (self._ended - self._began)
            remaining = (self.record.rows_total - self.record.rows_done) / pace
            self.record = replace(self.record, steady_images_per_second=round(pace, 2), eta_seconds=round(remaining, 1))


def add_sample(samples: Sequence[ProgressSample], sample: ProgressSample) -> tuple[ProgressSample, ...]:
    """Return `samples` and the new one, at most MOST_SAMPLES: the first, and the newest of each of equal time spans.

    The spans double in length whenever there would be too many. As a longer span covers two shorter ones, samples that
    were thinned before stay evenly spaced.
    """
    before = [earlier for earlier in samples if earlier.seconds < sample.seconds]  # the clock may have been set back
    if not before:
        return (sample,)
    first, *others = [*before, sample]
    seconds = FINEST_SECONDS
    while (sample.seconds - first.seconds) / seconds >= MOST_SAMPLES - 1:
        seconds *= 2
    newest = {int((other.seconds - first.seconds) / seconds): other for other in others}
    return (first, *newest.values())

"""The files of the task predict: progress.json, scoring.json, commits.jsonl and what else the driver keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple

from run_contract.record import Record

PREDICT = "the task predict"


class DriverState(StrEnum):
    """What the driver of a predict attempt is doing."""

    STARTING = "starting"
    PREDICTING = "predicting"
    FINISHED = "finished"
    FAILED = "failed"


class ProgressSample(NamedTuple):
    """seconds: Unix time. rows: committed rows of the whole run. cores: at work."""

    seconds: float
    rows: int
    cores: int


@dataclass(frozen=True)
class ProgressRecord(Record):
    """progress.json: the state of the newest predict attempt.

    message, worth_retrying: of a failure. waiting: for the first executor. image_timeout: seconds after which an image
    counts as hung. rows_done: committed rows of the whole run, those of earlier attempts (rows_resumed) among them.
    label_agreement: in int8, the share of a sample whose label is that of f32. carried, rerun, rechecked, flips: as in
    CommitRecord, of the whole run. steady_images_per_second: rows of this attempt a second, from the first image begun
    to the last result. samples: how the rows came, from the start of predicting until now, over all attempts.
    """

    written_by: ClassVar[str] = PREDICT

    run_key: str
    attempt: str
    started_at: datetime
    updated_at: datetime
    engine: str = ""
    precision: str = ""
    label_agreement: float | None = None
    model: str = ""
    state: DriverState = DriverState.STARTING
    waiting: bool = False
    image_timeout: float = 0.0
    message: str = ""
    worth_retrying: bool = True
    rows_total: int = 0
    rows_resumed: int = 0
    rows_done: int = 0
    errors: int = 0
    carried: int = 0
    rerun: int = 0
    rechecked: int = 0
    flips: int = 0
    shards_total: int = 0
    shards_done: int = 0
    cores: int = 0
    workers: int = 0
    elapsed_seconds: float = 0.0
    steady_images_per_second: float | None = None
    eta_seconds: float | None = None
    samples: tuple[ProgressSample, ...] = ()


@dataclass(frozen=True)
class ScoringRecord(Record):
    """scoring.json: how a run predicts. Two runs with equal records give the same row for the same image.

    spec: the fields of the model's spec. band: of precision cascade, the margin in logits up to which f32 decides;
    low: the precision that the cascade asks first. versions: of the libraries that decide about a prediction's bits.
    """

    written_by: ClassVar[str] = PREDICT

    model: str
    spec: Mapping[str, Any]
    engine: str
    precision: str
    band: float | None
    low: str | None
    versions: Mapping[str, str]

    def differences(self, other: ScoringRecord) -> list[str]:
        """Return the names of the fields in which `other` differs, sorted."""
        here, there = self.to_json(), other.to_json()
        return sorted(name for name in here if here[name] != there[name])


@dataclass(frozen=True)
class ShardCounts(Record):
    """What the task that predicted a shard counted, left in the staging directory for the driver.

    carried: rows reused from an earlier run. rerun: rows of a cascade that were predicted again in f32. rechecked: rows
    of a cascade that were compared with f32; flips: those whose label was another. began, ended: of the task's work on
    the images, Unix time in seconds; None where that is not known.
    """

    written_by: ClassVar[str] = PREDICT

    carried: int = 0
    rerun: int = 0
    rechecked: int = 0
    flips: int = 0
    began: float | None = None
    ended: float | None = None


@dataclass(frozen=True)
class CommitRecord(Record):
    """A line of commits.jsonl: one committed shard. The counts are those of ShardCounts."""

    written_by: ClassVar[str] = PREDICT

    shard: int
    rows: int
    errors: int
    carried: int = 0
    rerun: int = 0
    rechecked: int = 0
    flips: int = 0
    began: float | None = None
    ended: float | None = None


@dataclass(frozen=True)
class FlipRecord(Record):
    """flips.json: the shard in which a cascade's label was not that of f32; the run is in f32 from then on."""

    written_by: ClassVar[str] = PREDICT

    shard: int
    rechecked: int
    flips: int


@dataclass(frozen=True)
class BaseRunRecord(Record):
    """base_run.json: the run whose results an incremental run reuses.

    candidate: the run key that was published when predict started first. carried_over: whether its results are reused;
    if not, reason says why.
    """

    written_by: ClassVar[str] = PREDICT

    candidate: str | None
    carried_over: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class SubmissionRecord(Record):
    """A line of submissions.jsonl: one spark-submit."""

    written_by: ClassVar[str] = PREDICT

    started_at: datetime
    seconds: float

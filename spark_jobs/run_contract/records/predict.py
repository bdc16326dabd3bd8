"""The files of the task predict: progress.json, scoring.json, commits.jsonl and others."""

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
    """The progress at one moment. seconds: Unix time. rows: committed rows of the whole run. cores: those in use."""

    seconds: float
    rows: int
    cores: int


@dataclass(frozen=True)
class ProgressRecord(Record):
    """progress.json: the state of the newest predict attempt.

    message, worth_retrying: of a failure. waiting: whether it waits for the first executor. image_timeout: seconds
    after which an image counts as hung. rows_done: committed rows of the whole run. rows_resumed: those of earlier
    attempts. label_agreement: in int8, the share of a sample whose label is that of f32. carried, rerun, rechecked,
    flips: as in CommitRecord, of the whole run. steady_images_per_second: rows of this attempt per second, from the
    start of the first image to the last result. samples: of all attempts, from the start of predicting until now.
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

    spec: the fields of the model's spec. band: of a cascade, the margin in logits up to which f32 decides. low: of a
    cascade, the precision that predicts first. versions: of the libraries that affect a prediction's bits.
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


@dataclass(frozen=True, kw_only=True)
class ShardCounts(Record):
    """The counts of one shard, which its Spark task leaves in the staging directory for the driver.

    carried: rows reused from an earlier run. rerun: rows of a cascade inside the band, decided by f32. rechecked: rows
    of a cascade outside the band that were predicted in f32 too. flips: of the rechecked rows, those with another label
    in f32. began, ended: of the work on the images, in Unix time; None where unknown.
    """

    written_by: ClassVar[str] = PREDICT

    carried: int = 0
    rerun: int = 0
    rechecked: int = 0
    flips: int = 0
    began: float | None = None
    ended: float | None = None


@dataclass(frozen=True)
class CommitRecord(ShardCounts):
    """A line of commits.jsonl: one committed shard with its counts."""

    shard: int
    rows: int
    errors: int


@dataclass(frozen=True)
class FlipRecord(Record):
    """flips.json: the shard in which a label of a cascade differed from f32; the run uses f32 from then on."""

    written_by: ClassVar[str] = PREDICT

    shard: int
    rechecked: int
    flips: int


@dataclass(frozen=True)
class BaseRunRecord(Record):
    """base_run.json: the run whose results an incremental run reuses.

    candidate: the key of the run that was published when predict first started. carried_over: whether its results are
    reused. reason: why not.
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

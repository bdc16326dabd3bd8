"""metrics.json, written by the task validate, the metadata of gallery.parquet, and table.json of the task publish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from run_contract.record import Record


class Verdict(StrEnum):
    """Whether a run may be published."""

    VALID = "valid"
    INVALID = "invalid"


@dataclass(frozen=True)
class ConfusionCell:
    """The number of images with this known label and this prediction."""

    label: str
    prediction: str
    count: int


@dataclass(frozen=True)
class MetricsRecord(Record):
    """The results of a run.

    skipped: as in ManifestRecord. predictions: the number of images with each label. probability_histogram: counts in
    bins of equal width from 0 to 1. known_labels: the number of images whose path names the label; accuracy is None
    when there are none. faults: the first faults found. shards_sha256: of the committed shards that were
    counted, all in one; empty in files of earlier releases.
    """

    written_by: ClassVar[str] = "the task validate"

    run_key: str
    source: str
    skipped: Mapping[str, int]
    rows: int
    predicted: int
    errors: int
    errors_by_reason: Mapping[str, int]
    predictions: Mapping[str, int]
    probability_histogram: tuple[int, ...]
    known_labels: int
    accuracy: float | None
    accuracy_by_split: Mapping[str, float]
    confusion: tuple[ConfusionCell, ...]
    verdict: Verdict
    faults: tuple[str, ...]
    shards_sha256: str = ""


@dataclass(frozen=True)
class TableRecord(Record):
    """table.json: shards_sha256 of the predictions that predictions.csv was made from, as in MetricsRecord."""

    written_by: ClassVar[str] = "the task publish"

    shards_sha256: str


@dataclass(frozen=True)
class Stratum:
    """A kind of rows in the gallery. rows: the number of rows of this kind in the run.

    reason: of an error, otherwise None. right: whether the prediction is the known label; None when none is known.
    tenth: of the confidence, 0 to 9; None for an error.
    """

    reason: str | None
    prediction: str | None
    right: bool | None
    tenth: int | None
    rows: int


@dataclass(frozen=True)
class GalleryRecord(Record):
    """The metadata of gallery.parquet: all strata of the run."""

    written_by: ClassVar[str] = "the task validate"

    strata: tuple[Stratum, ...]

"""metrics.json, written by the task validate, and the metadata of gallery.parquet."""

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
    """How many images with a known label got a prediction."""

    label: str
    prediction: str
    count: int


@dataclass(frozen=True)
class MetricsRecord(Record):
    """What the predictions of a run came to.

    skipped: as in ManifestRecord. predictions: images of each label. probability_histogram: counts in equal bins from 0
    to 1. known_labels: images whose path names the label; accuracy is None without them. faults: the first of them.
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


@dataclass(frozen=True)
class Stratum:
    """A kind of row in the gallery, and how many rows of the run are of it.

    reason: of an error, else None. right: whether the prediction is the known label, None without one. tenth: of the
    confidence, 0 to 9, None for an error.
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

"""history.jsonl in the workspace, written by the task validate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from run_contract.record import Record
from run_contract.records.metrics import Verdict


@dataclass(frozen=True)
class HistoryRecord(Record):
    """A line of history.jsonl: the results and the duration of a finished run, from which the forecast learns.

    predictions: the number of images with each label. newly_predicted: rows without those carried over. attempts: the
    number of spark-submits. predict_seconds: their duration in total. p50_seconds: the duration that the plan expected.
    forecast_error: predict_seconds / p50_seconds - 1. run_after: when the run was due. finished_at: the end of the last
    spark-submit.
    """

    written_by: ClassVar[str] = "the task validate"

    run_key: str
    rows: int
    predicted: int
    errors: int
    predictions: Mapping[str, int]
    verdict: Verdict
    cores: int = 0
    workers: int = 0
    engine: str = ""
    precision: str = ""
    label_agreement: float | None = None
    model: str = ""
    carried_over: int = 0
    newly_predicted: int = 0
    rerun_in_f32: int = 0
    rechecked: int = 0
    flips: int = 0
    attempts: int = 0
    predict_seconds: float = 0.0
    p50_seconds: float | None = None
    forecast_error: float | None = None
    run_after: datetime | None = None
    finished_at: datetime | None = None
    deadline_at: datetime | None = None
    steady_images_per_second: float | None = None
    accuracy: float | None = None

"""plan.json, written by the task plan, and the pace measurement that it may be based on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from run_contract.record import Record


@dataclass(frozen=True)
class PaceRecord:
    """The expected cost of a row; the fields are those of runtime_guard.forecast.pace.Pace."""

    core_seconds_per_row: float
    cost_spread: float
    overhead_seconds: float
    overhead_spread: float
    runs: int


@dataclass(frozen=True)
class PaceMeasurementRecord(Record):
    """The last line of the output of image_scoring.driver.measure_pace.

    core_seconds_per_row: the mean over `images` images. engine, precision: those that predict will use.
    """

    core_seconds_per_row: float
    images: int
    engine: str
    precision: str


@dataclass(frozen=True)
class PlanRecord(Record):
    """The plan of a run; a field is None where too little is known.

    run_type: Airflow's name of it. run_after: when the run was due. rows_to_predict: rows without those that are
    expected to be carried over. workers, cores, cores_per_worker: what the run may use. starts_at, deadline_at: the
    run's interval. alert_at: its end minus the buffer. pace_from: "history" or "measurement". p50_, p90_: of the
    duration and the end of predict. fits: whether p50_finish_at is no later than alert_at. cores_needed,
    workers_needed: the smallest numbers with which predict ends by alert_at.
    """

    written_by: ClassVar[str] = "the task plan"

    run_key: str
    run_type: str
    run_after: datetime
    planned_at: datetime
    rows: int
    rows_to_predict: int
    shards: int
    workers: int | None = None
    cores: int | None = None
    cores_per_worker: int | None = None
    starts_at: datetime | None = None
    deadline_at: datetime | None = None
    alert_at: datetime | None = None
    pace: PaceRecord | None = None
    pace_from: str | None = None
    core_seconds_per_row: float | None = None
    p50_seconds: float | None = None
    p90_seconds: float | None = None
    p50_finish_at: datetime | None = None
    p90_finish_at: datetime | None = None
    miss_probability: float | None = None
    fits: bool | None = None
    cores_needed: int | None = None
    workers_needed: int | None = None
    workers_needed_with_one_lost: int | None = None

"""The files of the guard: alerts.jsonl and watch.json."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from run_contract.record import Record


@dataclass(frozen=True)
class AlertRecord(Record):
    """A line of alerts.jsonl. level: a value of runtime_guard.alerting.levels.Level; each has at most one alert."""

    level: str
    raised_at: datetime
    text: str


@dataclass(frozen=True)
class WatchStateRecord(Record):
    """watch.json: the state of the sensor between two polls; the fields are those of WatchState. May be deleted."""

    risk_polls: int = 0
    late_polls: int = 0
    calm_polls: int = 0
    risk_since: datetime | None = None
    phase: str | None = None
    phase_since: datetime | None = None
    waiting_since: datetime | None = None
    stalled_at: datetime | None = None

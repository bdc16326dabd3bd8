"""The result of a drill in figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drill.drill_stack import DrillRun
from drill.scenarios import Drill
from run_contract.record import Record, read_records, require_record
from run_contract.records.alert import AlertRecord
from run_contract.records.predict import ProgressRecord


@dataclass(frozen=True)
class RaisedAlert:
    """An alert that was raised `seconds` after the run was due."""

    level: str
    seconds: float
    text: str


@dataclass(frozen=True)
class DrillRecord(Record):
    """A line of drills.jsonl. Seconds count from when the run was due.

    state: of the DAG run. predicted_seconds: the end of predict. lead_seconds: from the first alert to the deadline;
    lead_share: of the interval; None without an alert. false_alarms: alerts that the drill gave no cause for.
    as_expected: an expected alert was raised, no level twice, no false alarm, and the run succeeded.
    """

    drill: str
    run_key: str
    state: str
    rows: int
    errors: int
    interval_seconds: float
    predicted_seconds: float
    missed: bool
    alerts: tuple[RaisedAlert, ...]
    lead_seconds: float | None
    lead_share: float | None
    false_alarms: int
    as_expected: bool


def make_record(drill: Drill, run: DrillRun, state: str) -> DrillRecord:
    """Return the result of a drill whose run has ended in `state`.

    Raises BatchPredictionsError when the run has no plan or no progress.
    """
    progress = require_record(ProgressRecord, run.files.progress)
    alerts = tuple(
        RaisedAlert(alert.level, _since_due(run, alert.raised_at), alert.text)
        for alert in read_records(AlertRecord, run.files.alerts)
    )
    levels = [alert.level for alert in alerts]
    interval = _since_due(run, run.deadline())
    predicted = _since_due(run, progress.updated_at)
    false_alarms = sum(level not in drill.allowed for level in levels)
    raised_as_expected = not drill.expected or bool(drill.expected & set(levels))
    return DrillRecord(
        drill=drill.name,
        run_key=run.files.run_key,
        state=state,
        rows=progress.rows_total,
        errors=progress.errors,
        interval_seconds=interval,
        predicted_seconds=predicted,
        missed=predicted > interval,
        alerts=alerts,
        lead_seconds=round(interval - alerts[0].seconds, 1) if alerts else None,
        lead_share=round(1 - alerts[0].seconds / interval, 3) if alerts else None,
        false_alarms=false_alarms,
        as_expected=raised_as_expected and not false_alarms and len(set(levels)) == len(levels) and state == "success",
    )


def _since_due(run: DrillRun, moment: datetime) -> float:
    return round(run.seconds_until(moment), 1)

"""What a person is told, each level once a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from run_contract.files import append_json_line
from run_contract.layout import RunPaths
from runtime_guard.alerting.alert_text import describe, one_line
from runtime_guard.alerting.levels import Level, find_due_levels
from runtime_guard.alerting.watch_state import alone, hold_watch_state, raised_levels
from runtime_guard.forecast.run_status import read_status


@dataclass(frozen=True)
class Alert:
    level: str
    text: str


def find_alerts(run: RunPaths, now: datetime, state: str | None) -> list[Level]:
    """What this poll gives cause to raise. The poll is hold_watch_state, and nothing is raised.

    state: of the task that is watched. Raises OSError when the run's directory cannot be used.
    """
    with hold_watch_state(run) as watch_state:
        return find_due_levels(watch_state, read_status(run, now, state).observation)


def raise_alerts(run: RunPaths, now: datetime, state: str | None) -> list[Alert]:
    """Looks again, and records in alerts.jsonl what there still is cause for; returns that."""
    with hold_watch_state(run) as watch_state:
        status = read_status(run, now, state)
        alerts = [
            Alert(level, describe(level, status, watch_state))
            for level in find_due_levels(watch_state, status.observation)
        ]
        for alert in alerts:
            _record(run, alert)
    return alerts


def raise_alert(run: RunPaths, alert: Alert) -> bool:
    """Records an alert that somebody else has found; False when one of its level was raised before."""
    with alone(run):
        if alert.level in raised_levels(run):
            return False
        _record(run, alert)
    return True


def _record(run: RunPaths, alert: Alert) -> None:
    record = {"level": alert.level, "raised_at": datetime.now(UTC).isoformat(), "text": one_line(alert.text)}
    append_json_line(run.alerts, record)

"""What a person is told, each level once a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from run_contract.files import append_json_line
from run_contract.layout import RunPaths
from runtime_guard.alerting.alert_text import describe, one_line
from runtime_guard.alerting.levels import Level, judge
from runtime_guard.alerting.watch_state import alone, raised_levels, remembered
from runtime_guard.forecast.run_status import look


@dataclass(frozen=True)
class Alert:
    level: str
    text: str


def find_alerts(run: RunPaths, now: datetime, state: str | None) -> list[Level]:
    """What this poll gives cause to raise. The poll is remembered, and nothing is raised.

    state: of the task that is watched. Raises OSError when the run's directory cannot be used.
    """
    with remembered(run) as memory:
        return judge(memory, look(run, now, state).view)


def raise_alerts(run: RunPaths, now: datetime, state: str | None) -> list[Alert]:
    """Looks again, and records in alerts.jsonl what there still is cause for; returns that."""
    with remembered(run) as memory:
        situation = look(run, now, state)
        alerts = [Alert(level, describe(level, situation, memory)) for level in judge(memory, situation.view)]
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

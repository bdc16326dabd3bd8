"""Find and raise alerts, each level once a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from runtime_guard.alerting.alert_text import describe
from runtime_guard.alerting.levels import Level, WatchState, find_due_levels
from runtime_guard.alerting.watched_run import Alert, WatchedRun, read_status
from runtime_guard.forecast.records import SchedulerState


def find_alerts(run: WatchedRun, now: datetime, scheduler_state: SchedulerState) -> list[Level]:
    """Return the levels that this poll gives cause to raise, without raising them; saves the watch state."""
    with _watch_state(run) as state:
        return find_due_levels(state, read_status(run, now, scheduler_state).observation)


def raise_alerts(run: WatchedRun, now: datetime, scheduler_state: SchedulerState) -> list[Alert]:
    """Poll once more; record and return the alerts that there still is cause for."""
    with _watch_state(run) as state:
        status = read_status(run, now, scheduler_state)
        levels = find_due_levels(state, status.observation)
        alerts = [Alert(level, describe(level, status, state, run.advice)) for level in levels]
        for alert in alerts:
            run.record_alert(alert)
    return alerts


def raise_alert(run: WatchedRun, alert: Alert) -> bool:
    """Record an alert that was found in another way; return False if one of its level was raised before."""
    with run.lock():
        if alert.level in run.load_watch_state().raised:
            return False
        run.record_alert(alert)
    return True


@contextmanager
def _watch_state(run: WatchedRun) -> Iterator[WatchState]:
    """Lend the watch state for the block, to one watcher at a time, and save its changes."""
    with run.lock():
        state = run.load_watch_state()
        yield state
        run.save_watch_state(state)

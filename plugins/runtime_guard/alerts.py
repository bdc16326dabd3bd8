"""What a person is told, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from image_scoring.contract import RunPaths
from image_scoring.files import append_json_line, read_json, read_json_lines
from runtime_guard.forecast import cores_needed, project_finish

LATE = "late"


@dataclass(frozen=True)
class Alert:
    level: str
    text: str


def find_alert(run: RunPaths, now: datetime) -> Alert | None:
    """The alert that this run gives cause for at `now` and that has not been raised yet.

    A run is late when its projected finish, or the clock while predict is at work, is past the plan's alert_at.
    """
    plan, progress = read_json(run.plan), read_json(run.progress)
    if not plan or not plan["alert_at"] or was_raised(run, LATE):
        return None
    if progress and progress["state"] == "finished":
        return None
    alert_at, deadline_at = (datetime.fromisoformat(plan[key]) for key in ("alert_at", "deadline_at"))
    finish = project_finish(progress)
    if max(finish or now, now) <= alert_at:
        return None
    return Alert(LATE, describe_late(run.run_key, now, alert_at, deadline_at, finish, progress))


def was_raised(run: RunPaths, level: str) -> bool:
    return any(record["level"] == level for record in read_json_lines(run.alerts))


def raise_alert(run: RunPaths, alert: Alert) -> None:
    """Records the alert in alerts.jsonl, which is also the memory of what was raised."""
    append_json_line(run.alerts, {"level": alert.level, "raised_at": datetime.now(UTC).isoformat(), "text": alert.text})


def describe_late(
    run_key: str,
    now: datetime,
    alert_at: datetime,
    deadline_at: datetime,
    finish: datetime | None,
    progress: Mapping[str, Any] | None,
) -> str:
    """Which run, how far, when it will end, when it must, and what would save it."""
    limits = f"it should by {_clock(alert_at, now)}, the next run is due {_clock(deadline_at, now)}"
    if finish is None or not progress:
        return f"run {run_key}: predict has no pace yet at {_clock(now, now)}; {limits}; look at the task predict"
    done = progress["rows_done"]
    text = (
        f"run {run_key}: {done:,} of {progress['rows_total']:,} rows done, predict finishes {_clock(finish, now)} at "
        f"this pace; {limits}"
    )
    pace, cores = progress["steady_images_per_second"], progress["cores"]
    if not pace or not cores:
        return text
    left = (deadline_at - now).total_seconds()
    needed = cores_needed(progress["rows_total"] - done, cores / pace, left)
    if needed is None:
        return f"{text}; it can no longer end in time"
    if needed > cores:
        return f"{text}; {needed - cores} more cores from now on (now {cores}) would end it before the next run"
    return f"{text}; it ends before the next run, but with less than the buffer to spare"


def _clock(moment: datetime, now: datetime) -> str:
    form = "%H:%M UTC" if moment.date() == now.date() else "%Y-%m-%d %H:%M UTC"
    return moment.astimezone(UTC).strftime(form)

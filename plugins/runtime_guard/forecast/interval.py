"""How long a run may take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
INTERVAL_PATTERN = r"^\d+(\.\d+)?[smhdw]$"


def parse_interval(text: str) -> timedelta:
    """Parse `90s`, `15m`, `6h`, `1d` or `2w`. Raises ValueError."""
    if not re.fullmatch(INTERVAL_PATTERN, text):
        raise ValueError(f"interval {text!r}: expected a number and one of s, m, h, d, w, such as 6h")
    interval = timedelta(**{_UNITS[text[-1]]: float(text[:-1])})
    if not interval:
        raise ValueError(f"interval {text!r}: it must be longer than zero")
    return interval


@dataclass(frozen=True)
class RunInterval:
    """The time that a run has. All moments are UTC.

    starts_at: when the run was due, or when it started if it is a backfill or very late. deadline_at: when the next run
    is due. alert_at: the deadline less the buffer, which is a share of the interval.
    """

    starts_at: datetime
    deadline_at: datetime
    alert_at: datetime


def make_run_interval(
    run_after: datetime,
    next_run_after: datetime | None,
    buffer: float,
    interval: timedelta | None = None,
    started_at: datetime | None = None,
    backfill: bool = False,
    next_after_start: datetime | None = None,
) -> RunInterval | None:
    """Return the interval of a run due at `run_after` that is followed by one due at `next_run_after`.

    buffer: share of the interval, 0 to 1. An explicit `interval` replaces that of the schedule. Without either the
    result is None: a manual run of a DAG without a schedule has no deadline.

    A run that starts late keeps its deadline. If the deadline has passed at `started_at`, the new deadline is
    `next_after_start`, when the first run after the start is due; with an `interval`, or if that is not known, the run
    has a whole interval from its start. A backfilled run delays no other run: it has the interval of the schedule from
    its start.
    """
    length = interval or (next_run_after - run_after if next_run_after else None)
    if length is None or length <= timedelta(0):
        return None
    starts_at, deadline = run_after, run_after + length
    if started_at and (backfill or deadline <= started_at):
        starts_at, deadline = started_at, started_at + length
        if next_after_start and not (backfill or interval):
            deadline = next_after_start
    return RunInterval(starts_at, deadline, deadline - (deadline - starts_at) * buffer)

"""How long a run may take. Pure: no Airflow, no clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
INTERVAL_PATTERN = r"^\d+(\.\d+)?[smhdw]$"


def parse_interval(text: str) -> timedelta:
    """`90s`, `15m`, `6h`, `1d`, `2w` -> timedelta. Raises ValueError."""
    if not re.fullmatch(INTERVAL_PATTERN, text):
        raise ValueError(f"interval {text!r}: expected a number and one of s, m, h, d, w, such as 6h")
    interval = timedelta(**{_UNITS[text[-1]]: float(text[:-1])})
    if not interval:
        raise ValueError(f"interval {text!r}: it must be longer than zero")
    return interval


@dataclass(frozen=True)
class RunInterval:
    """starts_at: when the run was due, or began if it is a backfill or very late. deadline_at: when the next one is
    due. alert_at: where a person is told, `buffer` (a share of the interval, 0 to 1) before the deadline. All UTC.
    """

    starts_at: datetime
    deadline_at: datetime
    alert_at: datetime

    @property
    def interval_seconds(self) -> float:
        return (self.deadline_at - self.starts_at).total_seconds()


def make_run_interval(
    run_after: datetime,
    next_run_after: datetime | None,
    buffer: float,
    interval: timedelta | None = None,
    started_at: datetime | None = None,
    backfill: bool = False,
    next_after_start: datetime | None = None,
) -> RunInterval | None:
    """The interval of a run that was due at `run_after`, the one that follows it at `next_run_after`.

    An explicit `interval` wins over the schedule. None when there is neither: a run by hand of a DAG that has no
    schedule can take as long as it likes.

    A run that starts late keeps its deadline. If that is over at `started_at` already, the next run that it can be in
    the way of is the first one due after its start, `next_after_start`; with an `interval`, or when that is not known,
    it has a whole interval from its start. A backfilled run competes with no next run: it has the interval of the
    schedule, counted from its start.
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

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
class Budget:
    """starts_at: when the run was due. deadline_at: when the next one is. alert_at: where a person is told,
    `buffer` (a share of the interval, 0 to 1) before the deadline. All UTC.
    """

    starts_at: datetime
    deadline_at: datetime
    alert_at: datetime

    @property
    def interval_seconds(self) -> float:
        return (self.deadline_at - self.starts_at).total_seconds()


def make_budget(
    run_after: datetime, next_run_after: datetime | None, buffer: float, interval: timedelta | None = None
) -> Budget | None:
    """The budget of a run that was due at `run_after`.

    An explicit `interval` wins over the schedule. None when there is neither: a run by hand of a DAG that has no
    schedule can take as long as it likes.
    """
    deadline = run_after + interval if interval else next_run_after
    if deadline is None or deadline <= run_after:
        return None
    return Budget(run_after, deadline, deadline - (deadline - run_after) * buffer)

"""The guard's records of a run in progress and of the runs before it.

Work is counted in rows. It is done in pieces: a core works on one piece at a time, and the rows of a piece count when
the whole piece is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class SchedulerState(StrEnum):
    """The task that does the work, as its scheduler sees it.

    waiting: it has not started. retrying: it failed and will start again. ended: in whatever way.
    """

    WAITING = "waiting"
    RUNNING = "running"
    RETRYING = "retrying"
    ENDED = "ended"


class WorkState(StrEnum):
    """What the task itself reports of its newest attempt."""

    STARTING = "starting"
    WORKING = "working"
    FINISHED = "finished"
    FAILED = "failed"


class Phase(StrEnum):
    """What the run is doing, from both.

    waiting: for its scheduler, or for cores. starting: it runs, and no piece of work has begun. retrying: the task
    failed and will start again.
    """

    WAITING = "waiting"
    STARTING = "starting"
    WORKING = "working"
    RETRYING = "retrying"
    ENDED = "ended"


@dataclass(frozen=True)
class PastRun:
    """A finished run like the one to forecast.

    new_rows: those of `rows` that took work; the others were copied from an earlier run. seconds: from start to end.
    rows_per_second: of all rows, from the first piece to the last; None if it was not measured.
    """

    rows: int
    new_rows: int
    cores: int
    seconds: float
    rows_per_second: float | None = None


@dataclass(frozen=True)
class Pace:
    """What a row is expected to cost.

    core_seconds_per_row: median cost of a new row on one core, without start-up and end; cost_spread: standard
    deviation of its logarithm from run to run. overhead_seconds, overhead_spread: start-up and end of a run, and their
    standard deviation. runs: how many runs this is based on; 0 for a measurement before the first run.
    """

    core_seconds_per_row: float
    cost_spread: float
    overhead_seconds: float
    overhead_spread: float
    runs: int


@dataclass(frozen=True)
class WorkPlan:
    """What was planned before the run; empty without a plan. A figure is 0, another value None, if it is not known.

    new_rows: those of `rows` that take work. alert_at: the end of the run's interval less its buffer. p90_seconds: of
    the length of the run.
    """

    planned_at: datetime | None = None
    alert_at: datetime | None = None
    deadline_at: datetime | None = None
    rows: int = 0
    new_rows: int = 0
    pieces: int = 0
    workers: int = 0
    cores: int = 0
    cores_per_worker: int = 0
    pace: Pace | None = None
    p90_seconds: float | None = None


class Sample(NamedTuple):
    """The progress at one moment.

    seconds: Unix time. rows: done by then, in all attempts. cores: at work. piece_rows: rows of the next piece.
    """

    seconds: float
    rows: float
    cores: float
    piece_rows: float


@dataclass(frozen=True)
class WorkProgress:
    """What the newest attempt reports; empty before the first report.

    waiting: for cores. item_timeout: seconds after which a row counts as hung; 0 without such a limit. rows_done,
    pieces_done: in all attempts. samples: in the order of time, perhaps with those of earlier attempts.
    """

    state: WorkState | None = None
    waiting: bool = False
    started_at: datetime | None = None
    updated_at: datetime | None = None
    rows_total: int = 0
    rows_done: int = 0
    pieces_total: int = 0
    pieces_done: int = 0
    workers: int = 0
    cores: int = 0
    item_timeout: float = 0.0
    samples: tuple[Sample, ...] = ()

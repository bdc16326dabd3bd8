"""Which alert a run gives cause for. Pure: no Airflow, no clock, no file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

AT_RISK_ABOVE = 0.2
LATE_ABOVE = 0.8
CALM_BELOW = 0.1
POLLS = 2
"""So many polls in a row must agree: one alone may have met a pause between two shards."""
RISK_HOLDS = 0.05
"""What is at risk and not sure to be late must be so for this share of the time to the deadline: polls that are seconds
apart see the same shards, and the nearer the deadline, the less time there is to look twice."""


class Level(StrEnum):
    """What is raised, each at most once a run. `approval` and `missed` are raised by the task plan, never here."""

    AT_RISK = "at_risk"
    LATE = "late"
    BREACHED = "breached"
    STALLED = "stalled"
    QUEUED = "queued"
    RECOVERED = "recovered"
    MISSED = "missed"
    APPROVAL = "approval"


SEVERITY = (Level.AT_RISK, Level.LATE, Level.BREACHED)
"""In this order, one at a poll, also for a run that was too slow from its start. A deadline that is over is told at
once, and none of these is raised after a later one."""


class Phase(StrEnum):
    """What predict is doing.

    waiting: for a slot of Airflow's, or for cores of Spark's. starting: it runs, and no image is begun yet.
    pausing: it failed and will be tried again.
    """

    WAITING = "waiting"
    STARTING = "starting"
    PREDICTING = "predicting"
    PAUSING = "pausing"
    ENDED = "ended"


@dataclass(frozen=True)
class Observation:
    """What one poll sees.

    miss_probability: of ending after deadline_at; None while nothing is known.
    last_advance: when rows were committed last. expected_silence: seconds without a row that are nothing unusual.
    queue_limit: seconds that predict may wait. None means that there is no such limit.
    """

    now: datetime
    phase: Phase
    miss_probability: float | None = None
    deadline_at: datetime | None = None
    last_advance: datetime | None = None
    expected_silence: float | None = None
    queue_limit: float | None = None


@dataclass
class WatchState:
    """What has to be known of earlier polls.

    raised: the levels, in order. risk_polls, late_polls, calm_polls: how many in a row, up to the last one.
    risk_since: the first of those.
    waiting_since: since when predict waits, in this attempt or the ones before it, without a row meanwhile.
    """

    raised: list[Level] = field(default_factory=list)
    risk_polls: int = 0
    late_polls: int = 0
    calm_polls: int = 0
    risk_since: datetime | None = None
    phase: Phase | None = None
    phase_since: datetime | None = None
    waiting_since: datetime | None = None
    stalled_at: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        record = asdict(self)
        return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in record.items()}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> WatchState:
        names = [field.name for field in fields(cls) if field.type == "datetime | None"]
        moments = {name: datetime.fromisoformat(record[name]) for name in names if record.get(name)}
        phase = Phase(record["phase"]) if record.get("phase") else None
        raised = [Level(level) for level in record.get("raised", [])]
        return cls(**{**record, **moments, "phase": phase, "raised": raised})


def find_due_levels(watch_state: WatchState, observation: Observation) -> list[Level]:
    """The levels to raise now, each once a run, none after its end. Notes them, and the poll, in `memory`."""
    _note_phase(watch_state, observation)
    if observation.phase == Phase.ENDED:
        return []
    silent = _is_silent(watch_state, observation)
    found = [
        _risk(watch_state, observation),
        _stall(watch_state, observation, silent),
        _queue(watch_state, observation),
        _recovery(watch_state, observation, silent),
    ]
    due = [level for level in found if level and level not in watch_state.raised]
    watch_state.raised += due
    return due


def _note_phase(watch_state: WatchState, observation: Observation) -> None:
    if watch_state.phase != observation.phase:
        watch_state.phase, watch_state.phase_since = observation.phase, observation.now
    if observation.phase == Phase.PREDICTING:
        watch_state.waiting_since = None
    elif observation.phase == Phase.WAITING and watch_state.waiting_since is None:
        watch_state.waiting_since = observation.now


def _risk(watch_state: WatchState, observation: Observation) -> Level | None:
    probability = observation.miss_probability
    watch_state.risk_polls = (
        watch_state.risk_polls + 1 if probability is not None and probability > AT_RISK_ABOVE else 0
    )
    watch_state.late_polls = watch_state.late_polls + 1 if probability is not None and probability > LATE_ABOVE else 0
    watch_state.risk_since = (watch_state.risk_since or observation.now) if watch_state.risk_polls else None
    if observation.deadline_at and observation.now >= observation.deadline_at:
        level = Level.BREACHED
    elif watch_state.late_polls >= POLLS and Level.AT_RISK in watch_state.raised:
        level = Level.LATE
    elif watch_state.late_polls >= POLLS or _stays_at_risk(watch_state, observation):
        level = Level.AT_RISK
    else:
        return None
    worse = SEVERITY[SEVERITY.index(level) :]
    return None if set(worse) & set(watch_state.raised) else level


def _stays_at_risk(watch_state: WatchState, observation: Observation) -> bool:
    if watch_state.risk_polls < POLLS or watch_state.risk_since is None or observation.deadline_at is None:
        return False
    return observation.now - watch_state.risk_since >= RISK_HOLDS * (observation.deadline_at - observation.now)


def _is_silent(watch_state: WatchState, observation: Observation) -> bool:
    """No row for longer than usual. An attempt that has just begun is given its time from there."""
    if observation.phase not in (Phase.STARTING, Phase.PREDICTING) or observation.expected_silence is None:
        return False
    moments = [moment for moment in (watch_state.phase_since, observation.last_advance) if moment]
    return (observation.now - max(moments)).total_seconds() > observation.expected_silence


def _stall(watch_state: WatchState, observation: Observation, silent: bool) -> Level | None:
    if not silent or Level.STALLED in watch_state.raised:
        return None
    watch_state.stalled_at = observation.now
    return Level.STALLED


def _queue(watch_state: WatchState, observation: Observation) -> Level | None:
    if observation.phase != Phase.WAITING or watch_state.waiting_since is None or observation.queue_limit is None:
        return None
    waited = (observation.now - watch_state.waiting_since).total_seconds()
    return Level.QUEUED if waited > observation.queue_limit else None


def _recovery(watch_state: WatchState, observation: Observation, silent: bool) -> Level | None:
    """Over is over: no cause left on two polls in a row, while rows come; a breach is never taken back."""
    raised = set(watch_state.raised)
    if not raised & {Level.AT_RISK, Level.LATE, Level.STALLED} or Level.BREACHED in raised:
        return None
    safe = observation.miss_probability is not None and observation.miss_probability < CALM_BELOW
    if not raised & {Level.AT_RISK, Level.LATE}:
        safe = safe or observation.miss_probability is None
    advanced = not watch_state.stalled_at or (
        observation.last_advance is not None and observation.last_advance > watch_state.stalled_at
    )
    calm = safe and advanced and not silent and observation.phase == Phase.PREDICTING
    watch_state.calm_polls = watch_state.calm_polls + 1 if calm else 0
    return Level.RECOVERED if watch_state.calm_polls >= POLLS else None

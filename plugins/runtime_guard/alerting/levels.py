"""Which alerts a run gives cause for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from runtime_guard.forecast.records import Phase
from runtime_guard.forecast.run_status import Observation

AT_RISK_ABOVE = 0.2
LATE_ABOVE = 0.8
CALM_BELOW = 0.1
POLLS = 2
"""This many polls in a row must agree: a single one may see a pause between two pieces of work."""
RISK_HOLDS = 0.05
"""A run that is at risk but not late must stay so for this share of the time to the deadline. Polls that are seconds
apart see the same pieces; and the nearer the deadline, the less time there is to wait."""


class Level(StrEnum):
    """The kinds of alerts, each raised at most once a run. `approval` and `missed` are raised before the run starts,
    never by a poll."""

    AT_RISK = "at_risk"
    LATE = "late"
    BREACHED = "breached"
    STALLED = "stalled"
    QUEUED = "queued"
    RECOVERED = "recovered"
    MISSED = "missed"
    APPROVAL = "approval"


SEVERITY = (Level.AT_RISK, Level.LATE, Level.BREACHED)
"""Raised in this order, one at each poll, even if the run was too slow from its start. A deadline that has passed is
raised at once. None of these is raised after a more severe one."""


@dataclass
class WatchState:
    """What has to be kept from poll to poll.

    raised: the levels, in order. risk_polls, late_polls, calm_polls: how many in a row, up to the last poll.
    risk_since: the first of risk_polls. waiting_since: since when the run waits, in this attempt or earlier ones, if no
    row was done meanwhile.
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


def find_due_levels(state: WatchState, seen: Observation) -> list[Level]:
    """Return the levels to raise now: each once a run, none after its end. Updates `state`."""
    _note_phase(state, seen)
    if seen.phase == Phase.ENDED:
        return []
    silent = _is_silent(state, seen)
    found = [_risk(state, seen), _stall(state, seen, silent), _queue(state, seen), _recovery(state, seen, silent)]
    due = [level for level in found if level and level not in state.raised]
    state.raised += due
    return due


def _note_phase(state: WatchState, seen: Observation) -> None:
    if state.phase != seen.phase:
        state.phase, state.phase_since = seen.phase, seen.now
    if seen.phase == Phase.WORKING:
        state.waiting_since = None
    elif seen.phase == Phase.WAITING and state.waiting_since is None:
        state.waiting_since = seen.now


def _risk(state: WatchState, seen: Observation) -> Level | None:
    probability = seen.miss_probability
    state.risk_polls = state.risk_polls + 1 if probability is not None and probability > AT_RISK_ABOVE else 0
    state.late_polls = state.late_polls + 1 if probability is not None and probability > LATE_ABOVE else 0
    state.risk_since = (state.risk_since or seen.now) if state.risk_polls else None
    if seen.deadline_at and seen.now >= seen.deadline_at:
        level = Level.BREACHED
    elif state.late_polls >= POLLS and Level.AT_RISK in state.raised:
        level = Level.LATE
    elif state.late_polls >= POLLS or _stays_at_risk(state, seen):
        level = Level.AT_RISK
    else:
        return None
    as_severe = SEVERITY[SEVERITY.index(level) :]
    return None if set(as_severe) & set(state.raised) else level


def _stays_at_risk(state: WatchState, seen: Observation) -> bool:
    if state.risk_polls < POLLS or state.risk_since is None or seen.deadline_at is None:
        return False
    return seen.now - state.risk_since >= RISK_HOLDS * (seen.deadline_at - seen.now)


def _is_silent(state: WatchState, seen: Observation) -> bool:
    """Return whether no row has come for longer than usual; for an attempt that has just begun, since its start."""
    if seen.phase not in (Phase.STARTING, Phase.WORKING) or seen.expected_silence is None:
        return False
    moments = [moment for moment in (state.phase_since, seen.last_advance) if moment]
    return (seen.now - max(moments)).total_seconds() > seen.expected_silence


def _stall(state: WatchState, seen: Observation, silent: bool) -> Level | None:
    if not silent or Level.STALLED in state.raised:
        return None
    state.stalled_at = seen.now
    return Level.STALLED


def _queue(state: WatchState, seen: Observation) -> Level | None:
    if seen.phase != Phase.WAITING or state.waiting_since is None or seen.queue_limit is None:
        return None
    waited = (seen.now - state.waiting_since).total_seconds()
    return Level.QUEUED if waited > seen.queue_limit else None


def _recovery(state: WatchState, seen: Observation, silent: bool) -> Level | None:
    """Return `recovered` if two polls in a row show rows and no cause for an alert; never after a breach."""
    raised = set(state.raised)
    if not raised & {Level.AT_RISK, Level.LATE, Level.STALLED} or Level.BREACHED in raised:
        return None
    safe = seen.miss_probability is not None and seen.miss_probability < CALM_BELOW
    if not raised & {Level.AT_RISK, Level.LATE}:
        safe = safe or seen.miss_probability is None
    advanced = not state.stalled_at or (seen.last_advance is not None and seen.last_advance > state.stalled_at)
    calm = safe and advanced and not silent and seen.phase == Phase.WORKING
    state.calm_polls = state.calm_polls + 1 if calm else 0
    return Level.RECOVERED if state.calm_polls >= POLLS else None

"""The one interface through which the guard sees a run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from runtime_guard.alerting.levels import Level, WatchState
from runtime_guard.forecast.records import SchedulerState, WorkPlan, WorkProgress
from runtime_guard.forecast.run_status import RunStatus, make_run_status


@dataclass(frozen=True)
class Alert:
    """A message to a person about a run."""

    level: Level
    text: str


@dataclass(frozen=True)
class Advice:
    """What a person can do for a run of this kind; each is a clause of an alert.

    investigate: where to look for the cause. scale_up: the command for `{workers}` workers. let_it_finish: what
    happens to the runs after it. for_cores, for_scheduler: what a run that has waited too long waits for, and what to
    do about it.
    """

    investigate: str
    scale_up: str
    let_it_finish: str
    for_cores: str
    for_scheduler: str


class WatchedRun(Protocol):
    """A run that can be watched. The methods raise OSError if its files or its service cannot be used."""

    @property
    def name(self) -> str:
        """The run's name in alerts."""

    @property
    def advice(self) -> Advice: ...

    def read_plan(self) -> WorkPlan:
        """Return the plan; an empty one if there is none or if it is damaged."""

    def read_progress(self) -> WorkProgress:
        """Return the progress; an empty one if there is none or if it is damaged."""

    def lock(self) -> AbstractContextManager[None]:
        """Keep other watchers of this run out for the block: they wait."""

    def load_watch_state(self) -> WatchState:
        """Return what the last poll saved and which levels were raised; a new state if that is lost."""

    def save_watch_state(self, state: WatchState) -> None:
        """Save all of `state` but the raised levels, which `record_alert` keeps."""

    def record_alert(self, alert: Alert) -> None:
        """Keep an alert for good: its level counts as raised from then on."""


def read_status(run: WatchedRun, now: datetime, scheduler_state: SchedulerState) -> RunStatus:
    """Return the status of the run at `now`."""
    return make_run_status(run.name, run.read_plan(), run.read_progress(), now, scheduler_state)

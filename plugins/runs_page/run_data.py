"""Everything that a page, the report or the terminal tells of a run, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from run_contract.layout import RunPaths, Workspace
from runs_page.records import read_lines, read_record, unless_damaged
from runtime_guard.alerting.levels import Phase
from runtime_guard.forecast.run_status import RunStatus, read_status

TASKS = ("download", "manifest", "plan", "predict", "watch_runtime", "validate", "publish")
ENDED = ("success", "failed")
REDRAW_SECONDS = 5
"""So often the plot of a run that goes is drawn anew."""


@dataclass(frozen=True)
class TaskState:
    """A task of the run. state: as Airflow names it; None before it is scheduled."""

    task_id: str
    state: str | None
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class RunData:
    """A run at the moment `now`. state: of the DAG run, as Airflow names it. Records are empty while there is none."""

    paths: RunPaths
    workspace: Workspace
    state: str
    tasks: Mapping[str, TaskState]
    now: datetime
    plan: Mapping[str, Any] = field(default_factory=dict)
    progress: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    failure: Mapping[str, Any] = field(default_factory=dict)
    alerts: Sequence[Mapping[str, Any]] = ()
    history: Sequence[Mapping[str, Any]] = ()

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @cached_property
    def run_status(self) -> RunStatus | None:
        """What the watch would see now; None when the files do not say."""
        return status_at(self, self.now)

    @property
    def phase(self) -> Phase | None:
        return self.run_status.observation.phase if self.run_status else None

    @property
    def line(self) -> Mapping[str, Any]:
        """The run's line of history.jsonl."""
        return next((line for line in self.history if line.get("run_key") == self.paths.run_key), {})

    @property
    def deadline(self) -> datetime | None:
        return moment_of(self.plan.get("deadline_at"))

    @property
    def finished_at(self) -> datetime | None:
        """The end of the last spark-submit."""
        return moment_of(self.line.get("finished_at"))

    @property
    def drawn_at(self) -> datetime:
        """`now`, in steps: what is drawn of a run stays the same for a while."""
        return self.now - timedelta(seconds=self.now.timestamp() % REDRAW_SECONDS)


def read_run_data(
    paths: RunPaths, workspace: Workspace, state: str, tasks: Mapping[str, TaskState], now: datetime | None = None
) -> RunData:
    return RunData(
        paths,
        workspace,
        state,
        tasks,
        now or datetime.now(UTC),
        plan=read_record(paths.plan),
        progress=read_record(paths.progress),
        metrics=read_record(paths.metrics),
        failure=read_record(paths.failure),
        alerts=read_lines(paths.alerts),
        history=read_lines(workspace.history),
    )


@unless_damaged(None)
def status_at(run_data: RunData, now: datetime) -> RunStatus | None:
    predict = run_data.tasks.get("predict")
    return read_status(run_data.paths, now, predict.state if predict else None)


@unless_damaged(None)
def moment_of(text: str | None) -> datetime | None:
    """An ISO time of a record."""
    moment = datetime.fromisoformat(text) if text else None
    return moment.astimezone(UTC) if moment else None

"""Everything that a page, the report or the terminal shows of a run, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from run_contract.layout import RunPaths, Workspace
from run_contract.record import Record, RecordError, read_record, read_records
from run_contract.records.alert import AlertRecord
from run_contract.records.failure import FailureRecord
from run_contract.records.history import HistoryRecord
from run_contract.records.metrics import MetricsRecord
from run_contract.records.plan import PlanRecord
from run_contract.records.predict import ProgressRecord
from runs_page.outlook import Outlook, find_outlook

TASKS = ("download", "manifest", "plan", "predict", "watch_runtime", "validate", "publish")
ENDED = ("success", "failed")
REDRAW_SECONDS = 5
"""The plots of a run in progress change at most this often."""
HISTORY_RUNS = 400

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class TaskState:
    """A task of the run. state: as Airflow names it; None before it is scheduled."""

    task_id: str
    state: str | None
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class RunData:
    """A run at the moment `now`.

    state: of the DAG run, as Airflow names it. A record is None when its file is missing or damaged. alerts, history:
    the oldest first. published: the run key of the published run. damaged: for each damaged file its name, what is
    wrong with it and what to do.
    """

    paths: RunPaths
    state: str
    tasks: Mapping[str, TaskState]
    now: datetime
    plan: PlanRecord | None
    progress: ProgressRecord | None
    metrics: MetricsRecord | None
    failure: FailureRecord | None
    alerts: Sequence[AlertRecord]
    history: Sequence[HistoryRecord]
    published: str | None
    damaged: Sequence[str]

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @cached_property
    def outlook(self) -> Outlook | None:
        return self.outlook_at(self.now)

    def outlook_at(self, moment: datetime) -> Outlook | None:
        predict = self.tasks.get("predict")
        return find_outlook(self.paths, moment, predict.state if predict else None)

    @property
    def history_record(self) -> HistoryRecord | None:
        """The run's own record in the history."""
        return next((record for record in self.history if record.run_key == self.paths.run_key), None)

    @property
    def deadline(self) -> datetime | None:
        return self.plan.deadline_at if self.plan else None

    @property
    def finished_at(self) -> datetime | None:
        """The end of the last spark-submit."""
        return self.history_record.finished_at if self.history_record else None

    @property
    def drawn_at(self) -> datetime:
        """`now`, rounded down to REDRAW_SECONDS."""
        return self.now - timedelta(seconds=self.now.timestamp() % REDRAW_SECONDS)


def read_run_data(
    paths: RunPaths, workspace: Workspace, state: str, tasks: Mapping[str, TaskState], now: datetime | None = None
) -> RunData:
    """Read the files of a run. Damaged files and lines are left out."""
    damaged: list[str] = []
    return RunData(
        paths,
        state,
        tasks,
        now or datetime.now(UTC),
        plan=_read(PlanRecord, paths.plan, damaged),
        progress=_read(ProgressRecord, paths.progress, damaged),
        metrics=_read(MetricsRecord, paths.metrics, damaged),
        failure=_read(FailureRecord, paths.failure, damaged),
        alerts=read_lines(AlertRecord, paths.alerts, damaged),
        history=read_lines(HistoryRecord, workspace.history, damaged),
        published=_published_run(workspace),
        damaged=damaged,
    )


def read_lines(kind: type[R], path: Path, damaged: list[str]) -> list[R]:
    """Return the last HISTORY_RUNS records of a file of lines; note in `damaged` when it cannot be read."""
    try:
        return read_records(kind, path, HISTORY_RUNS)
    except OSError as error:
        damaged.append(f"{path.name}: {error.strerror}")
        return []


def _read(kind: type[R], path: Path, damaged: list[str]) -> R | None:
    try:
        return read_record(kind, path)
    except RecordError as error:
        damaged.append(str(error).removeprefix(f"{path.parent}/"))
    except OSError as error:
        damaged.append(f"{path.name}: {error.strerror}")
    return None


def _published_run(workspace: Workspace) -> str | None:
    try:
        return workspace.published_run()
    except OSError:  # published/current is not a link
        return None

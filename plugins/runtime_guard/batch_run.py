"""A run of this project as the guard sees it: the one module that turns the records of a run into the guard's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from run_contract.files import exclusive
from run_contract.formatting import one_line
from run_contract.layout import RunPaths, Workspace, run_key
from run_contract.manifest_layout import next_shard_rows
from run_contract.record import append_record, read_readable, read_records, write_record
from run_contract.records.alert import AlertRecord, WatchStateRecord
from run_contract.records.history import HistoryRecord
from run_contract.records.plan import PaceRecord, PlanRecord
from run_contract.records.predict import DriverState, ProgressRecord, ProgressSample
from runtime_guard.alerting.levels import Level, WatchState
from runtime_guard.alerting.watched_run import Advice, Alert
from runtime_guard.forecast.records import Pace, PastRun, Phase, Sample, WorkPlan, WorkProgress, WorkState

ALERT_CONNECTION = "batch_predictions_alerts"
ALERT_SUBJECT = "Batch predictions"

ADVICE = Advice(
    investigate="check the log of the task predict, the web page of the Spark master (port 8080), and the executors on "
    "each worker: pgrep -af CoarseGrainedExecutorBackend",
    scale_up="docker compose up -d --scale spark-worker={workers}",
    let_it_finish="let it finish; runs that fall due before then are skipped; with only_new=true later runs take "
    "less time",
    for_cores="cores of Spark; the web page of the Spark master (port 8080) shows which application holds them, or "
    "that no worker is registered: docker compose up -d spark-worker",
    for_scheduler="a slot of Airflow; check what fills the pool and the executor: airflow pools list, and the running "
    "tasks in the web UI",
)

_WORK_STATES = {
    DriverState.STARTING: WorkState.STARTING,
    DriverState.PREDICTING: WorkState.WORKING,
    DriverState.FINISHED: WorkState.FINISHED,
    DriverState.FAILED: WorkState.FAILED,
}


@dataclass(frozen=True)
class BatchRun:
    """A run's directory as a `WatchedRun`. A damaged file counts as a missing one."""

    paths: RunPaths

    @property
    def name(self) -> str:
        return self.paths.run_key

    @property
    def advice(self) -> Advice:
        return ADVICE

    def read_plan(self) -> WorkPlan:
        record = read_readable(PlanRecord, self.paths.plan)
        return work_plan(record) if record else WorkPlan()

    def read_progress(self) -> WorkProgress:
        record = read_readable(ProgressRecord, self.paths.progress)
        return work_progress(record) if record else WorkProgress()

    def lock(self) -> AbstractContextManager[None]:
        return exclusive(self.paths.root / ".watch.lock")

    def load_watch_state(self) -> WatchState:
        record = read_readable(WatchStateRecord, self.paths.watch_state) or WatchStateRecord()
        values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
        phase = Phase(record.phase) if record.phase in set(Phase) else None
        return WatchState(**{**values, "phase": phase, "raised": self._raised_levels()})

    def save_watch_state(self, state: WatchState) -> None:
        values = {field.name: getattr(state, field.name) for field in dataclasses.fields(WatchStateRecord)}
        write_record(self.paths.watch_state, WatchStateRecord(**values))

    def record_alert(self, alert: Alert) -> None:
        append_record(self.paths.alerts, AlertRecord(alert.level, datetime.now(UTC), one_line(alert.text)))

    def _raised_levels(self) -> list[Level]:
        levels = (record.level for record in read_records(AlertRecord, self.paths.alerts))
        return [Level(level) for level in levels if level in set(Level)]


def open_run(directory: str) -> BatchRun:
    """Return the run in `directory`."""
    return BatchRun(RunPaths(Path(directory)))


def find_run(workspace: str, due: datetime) -> BatchRun:
    """Return the run that was due at `due` in the workspace directory `workspace`."""
    return BatchRun(Workspace(Path(workspace)).run(run_key(due)))


def work_plan(record: PlanRecord) -> WorkPlan:
    """Return the guard's view of a plan."""
    return WorkPlan(
        planned_at=record.planned_at,
        alert_at=record.alert_at,
        deadline_at=record.deadline_at,
        rows=record.rows,
        new_rows=record.rows_to_predict,
        pieces=record.shards,
        workers=record.workers or 0,
        cores=record.cores or 0,
        cores_per_worker=record.cores_per_worker or 0,
        pace=pace_of_record(record.pace) if record.pace else None,
        p90_seconds=record.p90_seconds,
    )


def work_progress(record: ProgressRecord) -> WorkProgress:
    """Return the guard's view of a progress report."""
    return WorkProgress(
        state=_WORK_STATES[record.state],
        waiting=record.waiting,
        started_at=record.started_at,
        updated_at=record.updated_at,
        rows_total=record.rows_total,
        rows_done=record.rows_done,
        pieces_total=record.shards_total,
        pieces_done=record.shards_done,
        workers=record.workers,
        cores=record.cores,
        item_timeout=record.image_timeout,
        samples=tuple(map(_sample, record.samples)),
    )


def _sample(sample: ProgressSample) -> Sample:
    return Sample(sample.seconds, sample.rows, sample.cores, next_shard_rows(sample.rows))


def past_runs(history: Iterable[HistoryRecord], engine: str, precision: str) -> list[PastRun]:
    """Return the runs of `history` with this engine ("auto" takes any) and this precision."""
    return [
        PastRun(
            rows=record.rows,
            new_rows=record.newly_predicted or record.rows - record.carried_over,
            cores=record.cores,
            seconds=record.predict_seconds,
            rows_per_second=record.steady_images_per_second,
        )
        for record in history
        if engine in ("auto", record.engine) and record.precision == precision
    ]


def pace_of_record(record: PaceRecord) -> Pace:
    """Return the pace in a plan."""
    return Pace(**dataclasses.asdict(record))


def record_of_pace(pace: Pace) -> PaceRecord:
    """Return the pace as a plan holds it."""
    return PaceRecord(**dataclasses.asdict(pace))

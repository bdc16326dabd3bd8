"""Example runs in every state that a page may find."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from run_contract.layout import RunPaths, Workspace, run_key
from run_contract.record import append_record, write_record
from run_contract.records.alert import AlertRecord
from run_contract.records.history import HistoryRecord
from run_contract.records.metrics import ConfusionCell, MetricsRecord, Verdict
from run_contract.records.plan import PaceRecord, PlanRecord
from run_contract.records.predict import DriverState, ProgressRecord, ProgressSample
from runs_page.run_data import TASKS, RunData, TaskState, read_run_data

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ROWS = 1_000_000
PACE = PaceRecord(core_seconds_per_row=0.02, cost_spread=0.05, overhead_seconds=20.0, overhead_spread=2.0, runs=9)
PREDICTING = {"download": "success", "manifest": "success", "plan": "success", "predict": "running"}


def make_plan(run: RunPaths, deadline: datetime) -> None:
    """A plan made an hour ago."""
    began = NOW - timedelta(hours=1)
    plan = PlanRecord(
        run_key=run.run_key, run_type="scheduled", run_after=began, planned_at=began, rows=ROWS, rows_to_predict=ROWS,
        shards=250, workers=2, cores=4, cores_per_worker=2, starts_at=began, deadline_at=deadline,
        alert_at=deadline - timedelta(minutes=20), pace=PACE, p50_seconds=5020.0, p90_seconds=5400.0,
        p50_finish_at=began + timedelta(seconds=5020), p90_finish_at=began + timedelta(seconds=5400), workers_needed=2,
    )  # fmt: skip
    write_record(run.plan, plan)


def make_progress(run: RunPaths, **changes: Any) -> None:
    """Predicting for an hour, 200 images per second, 4,096 rows at a time."""
    began = (NOW - timedelta(hours=1)).timestamp()
    samples = tuple(ProgressSample(began + 20.48 * step, 4096 * step, 4) for step in range(175))
    progress: dict[str, Any] = {
        "run_key": run.run_key, "attempt": "1", "engine": "openvino", "precision": "f32", "model": "birds@0123456789ab",
        "state": DriverState.PREDICTING, "rows_total": ROWS, "rows_done": samples[-1].rows, "errors": 7,
        "shards_total": 250, "shards_done": 174, "cores": 4, "workers": 2,
        "started_at": datetime.fromtimestamp(began - 20, UTC), "updated_at": NOW, "image_timeout": 60.0,
        "samples": samples,
    }  # fmt: skip
    write_record(run.progress, ProgressRecord(**{**progress, **changes}))


def make_metrics(run: RunPaths, **changes: Any) -> None:
    metrics: dict[str, Any] = {
        "run_key": run.run_key, "source": "/data/birds", "skipped": {"not an image name": 3}, "rows": ROWS,
        "predicted": ROWS - 700, "errors": 700, "errors_by_reason": {"undecodable": 500, "empty": 200},
        "predictions": {"Cat": 600_000, "Dog": 399_300}, "probability_histogram": (*[50_000] * 19, 49_300),
        "known_labels": 1000, "accuracy": 0.98, "accuracy_by_split": {"train": 0.99},
        "confusion": tuple(
            ConfusionCell(known, prediction, 490 if known == prediction else 10)
            for known in ("Cat", "Dog") for prediction in ("Cat", "Dog")
        ),
        "verdict": Verdict.VALID, "faults": (),
    }  # fmt: skip
    write_record(run.metrics, MetricsRecord(**{**metrics, **changes}))


def make_alert(run: RunPaths, level: str, text: str) -> None:
    append_record(run.alerts, AlertRecord(level, NOW, text))


def add_history(workspace: Workspace, due: datetime, seconds: float, **changes: Any) -> None:
    """Add a run with an interval of a day."""
    record: dict[str, Any] = {
        "run_key": run_key(due), "rows": ROWS, "predicted": ROWS - 700, "errors": 700, "cores": 4, "workers": 2,
        "predictions": {"Cat": 500_000, "Dog": 499_300}, "engine": "openvino", "precision": "f32", "model": "birds",
        "predict_seconds": seconds, "p50_seconds": 5020.0, "forecast_error": seconds / 5020 - 1, "run_after": due,
        "finished_at": due + timedelta(seconds=seconds), "deadline_at": due + timedelta(days=1),
        "steady_images_per_second": 200.0, "accuracy": 0.98, "verdict": Verdict.VALID,
    }  # fmt: skip
    append_record(workspace.history, HistoryRecord(**{**record, **changes}))


def make_finished(root: Path) -> RunData:
    """A run that is published, after three others."""
    workspace, run = make_workspace(root)
    for day in (3, 2, 1):
        add_history(workspace, NOW - timedelta(days=day), 5000.0 + 10 * day)
    make_plan(run, NOW + timedelta(hours=3))
    make_progress(run, state=DriverState.FINISHED, rows_done=ROWS)
    make_metrics(run)
    add_history(workspace, NOW, 5100.0, deadline_at=NOW + timedelta(hours=3))
    return read(run, "success", dict.fromkeys(TASKS, "success"))


def make_workspace(root: Path) -> tuple[Workspace, RunPaths]:
    workspace = Workspace(root / "workspace")
    return workspace, workspace.run(run_key(NOW))


def workspace_of(run: RunPaths) -> Workspace:
    return Workspace(run.root.parents[1])


def read(run: RunPaths, state: str, tasks: Mapping[str, str | None]) -> RunData:
    """Read a run as its page does at NOW. tasks: their states."""
    ago = NOW - timedelta(hours=1)
    task_states = {name: TaskState(name, task_state, ago, NOW) for name, task_state in tasks.items()}
    return read_run_data(run, workspace_of(run), state, task_states, NOW)

"""Runs made by hand, in every state in which a page may find one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from run_contract.files import append_json_line, write_json
from run_contract.layout import RunPaths, Workspace, run_key
from runs_page.run_data import TASKS, RunData, TaskState, read_run_data

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ROWS = 1_000_000
PACE = {
    "core_seconds_per_row": 0.02,
    "cost_spread": 0.05,
    "overhead_seconds": 20.0,
    "overhead_spread": 2.0,
    "runs": 9,
}


def make_plan(run: RunPaths, deadline: datetime, **changes: Any) -> None:
    """A plan made an hour ago."""
    began = NOW - timedelta(hours=1)
    plan = {
        "run_key": run.run_key, "run_type": "scheduled", "run_after": began.isoformat(),
        "planned_at": began.isoformat(), "rows": ROWS, "rows_to_predict": ROWS, "shards": 250, "workers": 2, "cores": 4,
        "cores_per_worker": 2, "starts_at": began.isoformat(), "deadline_at": deadline.isoformat(),
        "alert_at": (deadline - timedelta(minutes=20)).isoformat(), "pace": PACE, "p50_seconds": 5020.0,
        "p90_seconds": 5400.0, "p50_finish_at": (began + timedelta(seconds=5020)).isoformat(),
        "p90_finish_at": (began + timedelta(seconds=5400)).isoformat(), "workers_needed": 2,
    }  # fmt: skip
    write_json(run.plan, {**plan, **changes})


def make_progress(run: RunPaths, **changes: Any) -> None:
    """Predicting for an hour, 200 images a second, 4,096 rows at a time."""
    began = (NOW - timedelta(hours=1)).timestamp()
    samples = [[began + 20.48 * step, 4096 * step, 4] for step in range(175)]
    progress = {
        "run_key": run.run_key, "attempt": "1", "engine": "openvino", "precision": "f32", "model": "birds@0123456789ab",
        "state": "predicting", "rows_total": ROWS, "rows_done": samples[-1][1], "errors": 7, "shards_total": 250,
        "shards_done": 174, "cores": 4, "workers": 2, "started_at": datetime.fromtimestamp(began - 20, UTC).isoformat(),
        "updated_at": NOW.isoformat(), "image_timeout": 60.0, "samples": samples,
    }  # fmt: skip
    write_json(run.progress, {**progress, **changes})


def make_metrics(run: RunPaths, **changes: Any) -> None:
    metrics = {
        "run_key": run.run_key, "source": "/data/birds", "skipped": {"not an image name": 3}, "rows": ROWS,
        "predicted": ROWS - 700, "errors": 700, "errors_by_reason": {"undecodable": 500, "empty": 200},
        "predictions": {"Cat": 600_000, "Dog": 399_300}, "probability_histogram": [50_000] * 19 + [49_300],
        "known_labels": 1000, "accuracy": 0.98, "accuracy_by_split": {"train": 0.99},
        "confusion": [
            {"label": known, "prediction": prediction, "count": 490 if known == prediction else 10}
            for known in ("Cat", "Dog") for prediction in ("Cat", "Dog")
        ],
        "verdict": "valid", "faults": [],
    }  # fmt: skip
    write_json(run.metrics, {**metrics, **changes})


def make_line(workspace: Workspace, due: datetime, seconds: float, **changes: Any) -> None:
    """A line of the history: a run with an interval of a day."""
    line = {
        "run_key": run_key(due), "rows": ROWS, "predicted": ROWS - 700, "errors": 700, "cores": 4, "workers": 2,
        "predictions": {"Cat": 500_000, "Dog": 499_300}, "engine": "openvino", "precision": "f32", "model": "birds",
        "predict_seconds": seconds, "p50_seconds": 5020.0, "forecast_error": seconds / 5020 - 1,
        "run_after": due.isoformat(), "finished_at": (due + timedelta(seconds=seconds)).isoformat(),
        "deadline_at": (due + timedelta(days=1)).isoformat(), "steady_images_per_second": 200.0, "accuracy": 0.98,
        "verdict": "valid",
    }  # fmt: skip
    append_json_line(workspace.history, {**line, **changes})


def make_finished(root: Path) -> RunData:
    """A run that is published, after three others."""
    workspace, run = make_place(root)
    for day in (3, 2, 1):
        make_line(workspace, NOW - timedelta(days=day), 5000.0 + 10 * day)
    make_plan(run, NOW + timedelta(hours=3))
    make_progress(run, state="finished", rows_done=ROWS)
    make_metrics(run)
    make_line(workspace, NOW, 5100.0, deadline_at=(NOW + timedelta(hours=3)).isoformat())
    return view(workspace, run, "success", dict.fromkeys(TASKS, "success"))


def make_place(root: Path) -> tuple[Workspace, RunPaths]:
    workspace = Workspace(root / "workspace")
    return workspace, workspace.run(run_key(NOW))


def view(workspace: Workspace, run: RunPaths, state: str, tasks: Mapping[str, str | None]) -> RunData:
    """The run as its page reads it. tasks: their states."""
    ago = NOW - timedelta(hours=1)
    task_states = {name: TaskState(name, task_state, ago, NOW) for name, task_state in tasks.items()}
    return read_run_data(run, workspace, state, task_states, NOW)


AT_WORK = {"download": "success", "manifest": "success", "plan": "success", "predict": "running"}

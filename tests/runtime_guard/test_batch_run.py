"""The records of a run in the guard's terms, and the files of the guard."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from run_contract.record import read_record
from run_contract.records.alert import WatchStateRecord
from run_contract.records.history import HistoryRecord
from run_contract.records.metrics import Verdict
from run_contract.records.predict import DriverState, ProgressSample
from runtime_guard.alerting.alerts import find_alerts, raise_alerts
from runtime_guard.alerting.levels import Level, WatchState
from runtime_guard.alerting.watched_run import Alert, WatchedRun
from runtime_guard.batch_run import (
    BatchRun,
    find_run,
    open_run,
    pace_of_record,
    past_runs,
    record_of_pace,
    work_plan,
    work_progress,
)
from runtime_guard.forecast.records import Phase, SchedulerState, WorkPlan, WorkProgress, WorkState
from tests.runtime_guard.runs import DEADLINE, PACE, PLAN, START, make_progress, plan, report

DAMAGED = ("", "{", "null", "[]", "7", '{"version": 99}', '{"run_key": 1}', '{"phase": "unheard of", "late_polls": ""}')


@pytest.fixture
def run(tmp_path: Path) -> BatchRun:
    run = find_run(str(tmp_path), START)
    run.paths.root.mkdir(parents=True)
    return run


def test_a_run_is_found_by_its_time_or_its_directory(run: BatchRun, tmp_path: Path) -> None:
    assert run.name == "20260101T000000Z"
    assert open_run(str(tmp_path / "runs" / run.name)) == run
    watched: WatchedRun = run
    assert watched.advice.scale_up.format(workers=5) == "docker compose up -d --scale spark-worker=5"


def test_a_plan_in_the_guards_terms() -> None:
    found = work_plan(replace(PLAN, rows_to_predict=9000))
    assert (found.rows, found.new_rows, found.pieces) == (10_000, 9000, 20)
    assert (found.workers, found.cores, found.cores_per_worker, found.p90_seconds) == (2, 4, 2, 11_400.0)
    assert (found.planned_at, found.deadline_at) == (START, DEADLINE)
    unknown = work_plan(replace(PLAN, workers=None, cores=None, cores_per_worker=None, pace=None))
    assert (unknown.workers, unknown.cores, unknown.cores_per_worker, unknown.pace) == (0, 0, 0, None)


def test_a_pace_is_restored_from_the_plan() -> None:
    assert record_of_pace(pace_of_record(PACE)) == PACE


def test_a_progress_in_the_guards_terms() -> None:
    now = START + timedelta(hours=1)
    found = work_progress(make_progress(now, rows_done=1000, waiting=True))
    assert (found.state, found.waiting, found.started_at, found.updated_at) == (WorkState.WORKING, True, START, now)
    assert (found.rows_total, found.rows_done, found.pieces_total, found.pieces_done) == (10_000, 1000, 20, 2)
    assert (found.workers, found.cores, found.item_timeout) == (2, 4, 60.0)
    assert [(sample.rows, sample.cores) for sample in found.samples] == [(0, 4), (500, 4), (1000, 4)]


@pytest.mark.parametrize("state", DriverState)
def test_every_state_of_the_driver_has_a_term(state: DriverState) -> None:
    assert work_progress(make_progress(START, state=state)).state in set(WorkState)


def test_a_sample_has_the_size_of_the_next_shard() -> None:
    """Sixteen shards of 512 rows, sixteen of 1,024, and so on up to 4,096."""
    rows = (0, 16 * 512 - 1, 16 * 512, 16 * 1536, 16 * 3584, 10**9)
    found = work_progress(make_progress(START, samples=tuple(ProgressSample(0.0, done, 1) for done in rows)))
    assert [sample.piece_rows for sample in found.samples] == [512, 512, 1024, 2048, 4096, 4096]


def past(**changes: Any) -> HistoryRecord:
    counts: dict[str, Any] = {"rows": 1000, "predicted": 1000, "errors": 0, "predictions": {}, "newly_predicted": 1000}
    settings: dict[str, Any] = {"cores": 4, "engine": "openvino", "precision": "f32", "predict_seconds": 60.0}
    return HistoryRecord(**{"run_key": "p", "verdict": Verdict.VALID, **counts, **settings, **changes})


def test_only_runs_with_this_engine_and_precision_count() -> None:
    history = [past(rows=1), past(rows=2, engine="tensorflow"), past(rows=3, precision="bf16")]

    def rows(engine: str, precision: str) -> list[int]:
        return [run.rows for run in past_runs(history, engine, precision)]

    assert rows("openvino", "f32") == [1]
    assert rows("tensorflow", "f32") == [2]
    assert rows("auto", "f32") == [1, 2]
    assert rows("auto", "bf16") == [3]
    assert rows("tensorflow", "bf16") == []


def test_the_new_rows_of_a_past_run() -> None:
    (found,) = past_runs([past(newly_predicted=400, carried_over=600, steady_images_per_second=50.0)], "auto", "f32")
    assert (found.new_rows, found.cores, found.seconds, found.rows_per_second) == (400, 4, 60.0, 50.0)
    (whole,) = past_runs([past(newly_predicted=0, carried_over=0)], "auto", "f32")  # of a release without that field
    assert whole.new_rows == 1000
    (copied,) = past_runs([past(newly_predicted=0, carried_over=1000)], "auto", "f32")
    assert copied.new_rows == 0


def test_a_watch_state_is_restored(run: BatchRun) -> None:
    state = WatchState([Level.AT_RISK], 3, 2, 1, START, Phase.WORKING, START, DEADLINE, DEADLINE)
    run.record_alert(Alert(Level.AT_RISK, "once"))
    run.save_watch_state(state)
    assert run.load_watch_state() == state
    assert "raised" not in json.loads(run.paths.watch_state.read_text())  # alerts.jsonl alone has that
    run.paths.watch_state.unlink()
    assert run.load_watch_state() == WatchState(raised=[Level.AT_RISK])


def test_what_another_release_wrote_is_left_out(run: BatchRun) -> None:
    run.save_watch_state(WatchState(risk_polls=3))
    stored = read_record(WatchStateRecord, run.paths.watch_state)
    assert stored is not None
    run.paths.watch_state.write_text(json.dumps({**stored.to_json(), "phase": "unheard of"}))
    run.paths.alerts.write_text('{"level": "unheard of", "raised_at": "2026-01-01T00:00:00Z", "text": ""}\n{"level":\n')
    assert run.load_watch_state() == WatchState(risk_polls=3)


@pytest.mark.parametrize("content", DAMAGED)
@pytest.mark.parametrize("name", ["plan", "progress", "watch_state", "alerts"])
def test_a_damaged_file_does_not_end_the_polls(name: str, content: str, run: BatchRun) -> None:
    plan(run.paths)
    now = START + timedelta(hours=5)
    report(run.paths, now, rows_done=3000)
    path: Path = getattr(run.paths, name)
    path.write_text(content)
    for _ in range(3):
        find_alerts(run, now, SchedulerState.RUNNING)
    raised = [alert.level for alert in raise_alerts(run, now, SchedulerState.RUNNING)]
    assert raised == ([] if name in ("plan", "progress") else [Level.AT_RISK])


def test_a_missing_file_is_an_empty_record(run: BatchRun) -> None:
    assert (run.read_plan(), run.read_progress(), run.load_watch_state()) == (WorkPlan(), WorkProgress(), WatchState())

"""The plan: whether a run fits into its interval, and the workers that it needs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from batch_predictions.plan_text import describe_plan
from batch_predictions.planning import PlanRequest, make_plan, rows_to_predict
from batch_predictions.spark_master import Capacity
from run_contract.errors import BatchPredictionsError
from run_contract.layout import RunPaths, Workspace
from run_contract.record import append_record, read_record, write_record
from run_contract.records.plan import PlanRecord
from runtime_guard.batch_run import record_of_pace
from runtime_guard.forecast.interval import RunInterval
from runtime_guard.forecast.pace import pace_of_measurement
from tests.batch_predictions.example_records import DUE, MANIFEST, PAST_RUN

START = DUE
NOW = START + timedelta(minutes=10)
MODEL_ID = PAST_RUN.model
CAPACITY = Capacity(workers=2, cores=4, executor_cores=2)
Made = tuple[Workspace, RunPaths]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A run of 36,000 rows, after one that took 0.1 core seconds for each row."""
    workspace = Workspace(tmp_path)
    run = workspace.run("r")
    write_record(run.manifest_summary, MANIFEST)
    append_record(workspace.history, PAST_RUN)
    return workspace, run


def interval_of(hours: float) -> RunInterval:
    deadline = START + timedelta(hours=hours)
    return RunInterval(START, deadline, START + 0.8 * timedelta(hours=hours))


def never() -> float:
    raise AssertionError("measured without need")


def plan_for(
    made: Made,
    run_interval: RunInterval | None,
    measure: Callable[[], float | None] = never,
    **changes: Any,
) -> PlanRecord:
    request = PlanRequest("scheduled", START, run_interval, CAPACITY, MODEL_ID, "auto", "f32", only_new=False)
    return make_plan(*made, replace(request, **changes), NOW, measure)


def test_runs_of_another_model_do_not_count(made: Made) -> None:
    plan = plan_for(made, interval_of(2), measure=lambda: 0.4, model_id="m@2")
    assert (plan.pace_from, plan.core_seconds_per_row) == ("measurement", 0.4)


def test_a_run_that_fits(made: Made) -> None:
    plan = plan_for(made, interval_of(2))
    assert plan == read_record(PlanRecord, made[1].plan)
    assert plan.p50_seconds is not None
    assert plan.p50_seconds == pytest.approx(900)  # 36,000 rows of 0.1 s on 4 cores
    assert plan.p90_seconds is not None
    assert plan.p90_seconds > plan.p50_seconds
    assert plan.p50_finish_at == NOW + timedelta(seconds=plan.p50_seconds)
    assert plan.p90_finish_at == NOW + timedelta(seconds=plan.p90_seconds)
    assert (plan.run_type, plan.run_after, plan.planned_at) == ("scheduled", START, NOW)
    assert (plan.starts_at, plan.deadline_at) == (START, START + timedelta(hours=2))
    assert plan.alert_at == START + timedelta(minutes=96)
    assert (plan.workers, plan.cores, plan.cores_per_worker, plan.fits) == (2, 4, 2, True)
    assert (plan.cores_needed, plan.workers_needed) == (1, 1)
    assert plan.workers_needed_with_one_lost is not None
    assert plan.workers_needed_with_one_lost >= 2
    assert plan.miss_probability is not None
    assert plan.miss_probability < 0.01
    assert plan.pace is not None
    assert (plan.pace_from, plan.pace.runs) == ("history", 1)
    text = describe_plan(plan)
    for part in (
        "36,000 rows in 20 shards",
        "2 workers with 4 cores",
        "forecast 15 min (P50)",
        "to end by 2026-01-01 01:36 UTC (deadline 2026-01-01 02:00 UTC)",
        "0% likely to miss it",
    ):
        assert part in text


def test_a_run_that_does_not_fit_is_logged_as_a_warning(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "batch_predictions.plan"):
        plan = plan_for(made, interval_of(0.3))  # to end 14.4 min after the start: 264 s for 3,600 core seconds
    assert plan.fits is False
    assert (plan.cores_needed, plan.workers_needed) == (14, 7)
    assert plan.miss_probability is not None
    assert plan.miss_probability > 0.9
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "it needs 7 workers with 2 cores each (" in caplog.text


def test_a_run_that_ends_within_the_buffer_does_not_fit_but_may_meet_its_deadline(made: Made) -> None:
    plan = plan_for(made, interval_of(0.5))  # 900 s from minute 10: to end by minute 24, the deadline is minute 30
    assert plan.fits is False
    assert plan.miss_probability is not None
    assert plan.miss_probability < 0.5


def test_after_the_deadline_no_number_of_cores_helps(made: Made) -> None:
    plan = plan_for(made, interval_of(0.1))
    assert (plan.fits, plan.cores_needed, plan.workers_needed, plan.miss_probability) == (
        False,
        None,
        None,
        1,
    )
    assert describe_plan(plan).endswith("there is no time left")


def test_without_a_deadline_everything_fits_and_nothing_is_measured(made: Made) -> None:
    plan = plan_for(made, None)
    for key in ("deadline_at", "alert_at", "fits", "cores_needed", "workers_needed", "miss_probability"):
        assert getattr(plan, key) is None
    assert plan.p50_seconds == pytest.approx(900)
    assert "no deadline" in describe_plan(plan)
    assert plan_for(made, None, precision="bf16").pace is None


@pytest.mark.parametrize("params", [{"engine": "tensorflow"}, {"precision": "bf16"}])
def test_before_the_first_run_of_its_kind_the_pace_is_measured(params: dict[str, Any], made: Made) -> None:
    plan = plan_for(made, interval_of(2), measure=lambda: 0.2, **params)
    assert (plan.pace_from, plan.core_seconds_per_row) == ("measurement", 0.2)
    assert plan.pace == record_of_pace(pace_of_measurement(0.2))
    assert plan.p50_seconds == pytest.approx(1800 + plan.pace.overhead_seconds)


def test_a_failed_measurement_gives_a_plan_without_a_forecast(made: Made) -> None:
    plan = plan_for(made, interval_of(0.3), measure=lambda: None, precision="bf16")
    for key in ("pace", "pace_from", "core_seconds_per_row", "p50_seconds", "p90_seconds", "miss_probability", "fits"):
        assert getattr(plan, key) is None
    assert "no forecast (no earlier run shows its pace)" in describe_plan(plan)


def test_without_a_known_capacity_there_is_no_forecast(made: Made) -> None:
    plan = plan_for(made, interval_of(2), capacity=None)
    for key in ("workers", "cores", "cores_per_worker", "p50_seconds", "fits", "workers_needed"):
        assert getattr(plan, key) is None
    assert plan.cores_needed == 1
    assert "workers" not in describe_plan(plan)
    assert "no forecast (the cluster does not publish its cores)" in describe_plan(plan)


def test_rows_expected_to_be_carried_over_take_no_time(made: Made) -> None:
    workspace, _ = made
    for newly in (100, 50, 0):
        carried = replace(PAST_RUN, carried_over=1000 - newly, newly_predicted=newly, predict_seconds=1.0)
        append_record(workspace.history, carried)
    plan = plan_for(made, interval_of(2), only_new=True)
    assert (plan.rows, plan.rows_to_predict) == (36_000, 1800)
    assert plan.p50_seconds == pytest.approx(45)
    assert "about 1,800 of them to predict" in describe_plan(plan)
    assert plan_for(made, interval_of(2)).rows_to_predict == 36_000
    assert rows_to_predict(10, [PAST_RUN], only_new=True) == 10


def test_a_run_without_a_manifest_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(BatchPredictionsError, match="it has no manifest"):
        plan_for((workspace, workspace.run("r")), None)


def test_a_damaged_manifest_is_named_with_the_next_step_in_one_line(made: Made) -> None:
    _, run = made
    run.manifest_summary.write_text('{"rows": "many"}')
    with pytest.raises(BatchPredictionsError) as error:
        plan_for(made, None)
    assert str(error.value).startswith(f"{run.manifest_summary}: ")
    assert str(error.value).endswith("; remove it and run the task manifest again")
    assert "\n" not in str(error.value)


def test_a_damaged_line_of_the_history_is_skipped(made: Made) -> None:
    workspace, _ = made
    with open(workspace.history, "a") as file:
        file.write('{"run_key": 7}\n')
    plan = plan_for(made, interval_of(2))
    assert plan.pace_from == "history"
    assert plan.core_seconds_per_row == pytest.approx(0.1)

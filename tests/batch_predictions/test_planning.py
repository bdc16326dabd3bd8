"""Will this run fit into its interval, and on what?"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from batch_predictions.planning import describe, duration, make_plan, rows_to_predict
from batch_predictions.spark_master import Capacity
from run_contract.errors import BatchPredictionsError
from run_contract.files import append_json_line, read_json, write_json
from run_contract.layout import RunPaths, Workspace
from runtime_guard.forecast.interval import RunInterval
from runtime_guard.forecast.pace import Pace, pace_of_measurement

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(minutes=10)
PARAMS = {"engine": "auto", "precision": "f32", "only_new": False}
MODEL_ID = "m@1"
CAPACITY = Capacity(workers=2, cores=4, executor_cores=2)
Made = tuple[Workspace, RunPaths]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A run of 36,000 rows, after one that took 0.1 core seconds for each of its rows."""
    workspace = Workspace(tmp_path)
    run = workspace.run("r")
    write_json(run.manifest_summary, {"rows": 36_000, "shards": 20})
    past = {"run_key": "p", "rows": 1000, "cores": 2, "predict_seconds": 50.0, "model": MODEL_ID}
    append_json_line(workspace.history, {**past, "engine": "openvino", "precision": "f32"})
    return workspace, run


def interval_of(hours: float) -> RunInterval:
    deadline = START + timedelta(hours=hours)
    return RunInterval(START, deadline, START + 0.8 * timedelta(hours=hours))


def never() -> float:
    raise AssertionError("measured for nothing")


def plan_for(
    made: Made,
    run_interval: RunInterval | None,
    capacity: Capacity | None = CAPACITY,
    measure: Callable[[], float | None] = never,
    model_id: str = MODEL_ID,
    **params: Any,
) -> dict[str, Any]:
    return make_plan(*made, run_interval, capacity, {**PARAMS, **params}, model_id, NOW, START, "scheduled", measure)


def test_what_another_model_took_says_nothing(made: Made) -> None:
    plan = plan_for(made, interval_of(2), measure=lambda: 0.4, model_id="m@2")
    assert (plan["pace_from"], plan["core_seconds_per_row"]) == ("measurement", 0.4)


def test_a_run_that_fits(made: Made) -> None:
    plan = plan_for(made, interval_of(2))
    assert plan == read_json(made[1].plan)
    assert plan["p50_seconds"] == pytest.approx(900)  # 36,000 rows of 0.1 s on 4 cores
    assert plan["p90_seconds"] > plan["p50_seconds"]
    assert datetime.fromisoformat(plan["p50_finish_at"]) == NOW + timedelta(seconds=plan["p50_seconds"])
    assert datetime.fromisoformat(plan["p90_finish_at"]) == NOW + timedelta(seconds=plan["p90_seconds"])
    assert (plan["run_type"], plan["run_after"], plan["planned_at"]) == (
        "scheduled",
        START.isoformat(),
        NOW.isoformat(),
    )
    assert (plan["starts_at"], plan["deadline_at"]) == (START.isoformat(), (START + timedelta(hours=2)).isoformat())
    assert plan["alert_at"] == (START + timedelta(minutes=96)).isoformat()
    assert (plan["workers"], plan["cores"], plan["cores_per_worker"], plan["fits"]) == (2, 4, 2, True)
    assert (plan["cores_needed"], plan["workers_needed"]) == (1, 1)
    assert plan["workers_needed_with_one_lost"] >= 2
    assert plan["miss_probability"] < 0.01
    assert (plan["pace_from"], Pace.from_json(plan["pace"]).runs) == ("history", 1)
    text = describe(plan)
    for part in (
        "36,000 rows in 20 shards",
        "2 workers with 4 cores",
        "forecast 15 min (P50)",
        "to end by 2026-01-01 01:36:00 UTC (deadline 2026-01-01 02:00:00 UTC)",
    ):
        assert part in text


def test_a_run_that_does_not_fit_is_warned_of(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "batch_predictions.plan"):
        plan = plan_for(made, interval_of(0.3))  # to end 14.4 min after the start: 264 s are left for 3,600
    assert plan["fits"] is False
    assert (plan["cores_needed"], plan["workers_needed"]) == (14, 7)
    assert plan["miss_probability"] > 0.9
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "it needs 7 workers of 2 cores (" in caplog.text


def test_a_run_that_ends_within_the_buffer_does_not_fit_and_yet_may_meet_its_deadline(made: Made) -> None:
    plan = plan_for(made, interval_of(0.5))  # 900 s from minute 10 on: to end by minute 24, the deadline is minute 30
    assert plan["fits"] is False
    assert plan["miss_probability"] < 0.5


def test_when_the_time_is_over_no_number_of_cores_helps(made: Made) -> None:
    plan = plan_for(made, interval_of(0.1))
    assert (plan["fits"], plan["cores_needed"], plan["workers_needed"], plan["miss_probability"]) == (
        False,
        None,
        None,
        1,
    )
    assert describe(plan).endswith("there is no time left")


def test_without_a_deadline_everything_fits_and_nothing_is_measured(made: Made) -> None:
    plan = plan_for(made, None)
    for key in ("deadline_at", "alert_at", "fits", "cores_needed", "workers_needed", "miss_probability"):
        assert plan[key] is None
    assert plan["p50_seconds"] == pytest.approx(900)
    assert "no deadline" in describe(plan)
    assert plan_for(made, None, precision="bf16")["pace"] is None


@pytest.mark.parametrize("params", [{"engine": "tensorflow"}, {"precision": "bf16"}])
def test_before_the_first_run_of_its_kind_the_pace_is_measured(params: dict[str, Any], made: Made) -> None:
    plan = plan_for(made, interval_of(2), measure=lambda: 0.2, **params)
    assert (plan["pace_from"], plan["core_seconds_per_row"]) == ("measurement", 0.2)
    assert plan["pace"] == pace_of_measurement(0.2).to_json()
    assert plan["p50_seconds"] == pytest.approx(1800 + plan["pace"]["overhead_seconds"])


def test_a_measurement_that_failed_is_no_forecast_and_no_failure(made: Made) -> None:
    plan = plan_for(made, interval_of(0.3), measure=lambda: None, precision="bf16")
    for key in ("pace", "pace_from", "core_seconds_per_row", "p50_seconds", "p90_seconds", "miss_probability", "fits"):
        assert plan[key] is None
    assert "no forecast before the first run" in describe(plan)


def test_a_cluster_that_does_not_say_what_it_has(made: Made) -> None:
    plan = plan_for(made, interval_of(2), None)
    for key in ("workers", "cores", "cores_per_worker", "p50_seconds", "fits", "workers_needed"):
        assert plan[key] is None
    assert plan["cores_needed"] == 1
    assert "workers" not in describe(plan)


def test_rows_that_will_be_carried_over_take_no_time(made: Made) -> None:
    workspace, _ = made
    for newly in (100, 50, 0):
        carried = {"rows": 1000, "carried_over": 1000 - newly, "newly_predicted": newly, "cores": 2, "model": MODEL_ID}
        append_json_line(workspace.history, {**carried, "predict_seconds": 1, "engine": "openvino", "precision": "f32"})
    plan = plan_for(made, interval_of(2), only_new=True)
    assert (plan["rows"], plan["rows_to_predict"]) == (36_000, 1800)
    assert plan["p50_seconds"] == pytest.approx(45)
    assert "about 1,800 of them to predict anew" in describe(plan)
    assert plan_for(made, interval_of(2))["rows_to_predict"] == 36_000
    assert rows_to_predict(10, [{"rows": 5, "carried_over": 0}], only_new=True) == 10


def test_a_run_without_a_manifest_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(BatchPredictionsError, match="it has no manifest"):
        plan_for((workspace, workspace.run("r")), None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(41.4, "41 s"), (99, "99 s"), (720, "12 min"), (11_100, "3 h 5 min"), (1_002_240, "11.6 days")],
)
def test_a_duration_in_the_unit_that_people_would_use(seconds: float, text: str) -> None:
    assert duration(seconds) == text

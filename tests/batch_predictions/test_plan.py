"""Will this run fit into its interval, and on what?"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from batch_predictions.plan import describe, make_plan
from batch_predictions.spark_master import Capacity
from image_scoring.contract import BatchPredictionsError, RunPaths, Workspace
from image_scoring.files import append_json_line, read_json, write_json
from runtime_guard.budget import Budget, make_budget

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(minutes=10)
PARAMS = {"engine": "auto", "precision": "f32", "on_overrun": "warn"}
CAPACITY = Capacity(workers=2, cores=4, executor_cores=2)


@pytest.fixture
def made(tmp_path: Path) -> tuple[Workspace, RunPaths]:
    """A run of 36,000 rows, after one that took 0.1 core seconds for each of its rows."""
    workspace = Workspace(tmp_path)
    run = workspace.run("r")
    write_json(run.manifest_summary, {"rows": 36_000, "shards": 20})
    past = {"run_key": "p", "rows": 1000, "cores": 2, "predict_seconds": 50.0, "engine": "openvino", "precision": "f32"}
    append_json_line(workspace.history, past)
    return workspace, run


def budget_of(hours: float) -> Budget:
    budget = make_budget(START, START + timedelta(hours=hours), 0.2)
    assert budget is not None
    return budget


def plan_for(
    made: tuple[Workspace, RunPaths], budget: Budget | None, capacity: Capacity | None = CAPACITY, **params: Any
) -> dict[str, Any]:
    return make_plan(*made, budget, capacity, {**PARAMS, **params}, NOW)


def test_a_run_that_fits(made: tuple[Workspace, RunPaths]) -> None:
    plan = plan_for(made, budget_of(2))
    assert plan == read_json(made[1].plan)
    assert plan["forecast_seconds"] == pytest.approx(900)  # 36,000 rows of 0.1 s on 4 cores
    assert datetime.fromisoformat(plan["forecast_finish_at"]) == NOW + timedelta(seconds=900)
    assert (plan["starts_at"], plan["deadline_at"]) == (START.isoformat(), (START + timedelta(hours=2)).isoformat())
    assert plan["alert_at"] == (START + timedelta(minutes=96)).isoformat()
    assert (plan["workers"], plan["cores"], plan["cores_needed"], plan["fits"]) == (2, 4, 1, True)
    text = describe(plan)
    for part in ("36,000 rows in 20 shards", "2 workers with 4 cores", "forecast 900 s", "to end by 2026-01-01T01:36"):
        assert part in text
    assert "it needs" not in text


def test_a_run_that_does_not_fit_is_warned_of(
    made: tuple[Workspace, RunPaths], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "batch_predictions.plan"):
        plan = plan_for(made, budget_of(0.3))  # to end 14.4 min after the start: 264 s are left for 3,600
    assert plan["fits"] is False
    assert plan["cores_needed"] == 14
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "it needs 14 cores" in caplog.text


def test_a_run_that_does_not_fit_is_refused_when_that_is_asked_for(made: tuple[Workspace, RunPaths]) -> None:
    with pytest.raises(BatchPredictionsError, match=r"run r: .*it needs 14 cores; refused \(on_overrun=refuse\)"):
        plan_for(made, budget_of(0.3), on_overrun="refuse")
    assert read_json(made[1].plan)["fits"] is False
    assert plan_for(made, budget_of(2), on_overrun="refuse")["fits"] is True


def test_when_the_time_is_over_no_number_of_cores_helps(made: tuple[Workspace, RunPaths]) -> None:
    plan = plan_for(made, budget_of(0.1))
    assert (plan["fits"], plan["cores_needed"]) == (False, None)
    assert describe(plan).endswith("there is no time left")


def test_without_a_deadline_nothing_is_refused(made: tuple[Workspace, RunPaths]) -> None:
    plan = plan_for(made, None, on_overrun="refuse")
    assert (plan["deadline_at"], plan["alert_at"], plan["fits"], plan["cores_needed"]) == (None, None, None, None)
    assert "no deadline" in describe(plan)


@pytest.mark.parametrize("params", [{"engine": "tensorflow"}, {"precision": "bf16"}])
def test_before_the_first_run_of_its_kind_there_is_no_forecast(
    params: dict[str, Any], made: tuple[Workspace, RunPaths]
) -> None:
    plan = plan_for(made, budget_of(0.3), on_overrun="refuse", **params)
    assert (plan["core_seconds_per_row"], plan["forecast_seconds"], plan["fits"]) == (None, None, None)
    assert "no forecast before the first run" in describe(plan)


def test_a_cluster_that_does_not_say_what_it_has(made: tuple[Workspace, RunPaths]) -> None:
    plan = plan_for(made, budget_of(2), None)
    assert (plan["workers"], plan["cores"], plan["forecast_seconds"], plan["fits"]) == (None, None, None, None)
    assert plan["cores_needed"] == 1
    assert "workers" not in describe(plan)


def test_a_run_without_a_manifest_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(BatchPredictionsError, match="it has no manifest"):
        plan_for((workspace, workspace.run("r")), None)

"""When a run will end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runtime_guard.forecast import HISTORY_RUNS, core_seconds_per_row, cores_needed, predict_seconds, project_finish


def past(cost: float, engine: str = "openvino", precision: str = "f32", **changes: Any) -> dict[str, Any]:
    """A run of 1,000 rows on 4 cores at `cost` core seconds for each row."""
    record = {"rows": 1000, "cores": 4, "predict_seconds": cost * 250, "engine": engine, "precision": precision}
    return {**record, **changes}


def test_the_cost_is_the_median_of_the_runs() -> None:
    assert core_seconds_per_row([past(0.1), past(9.0), past(0.2)], "auto", "f32") == pytest.approx(0.2)


def test_only_runs_with_this_engine_and_precision_count() -> None:
    history = [past(0.1), past(0.4, "tensorflow"), past(0.05, precision="bf16")]
    assert core_seconds_per_row(history, "openvino", "f32") == pytest.approx(0.1)
    assert core_seconds_per_row(history, "tensorflow", "f32") == pytest.approx(0.4)
    assert core_seconds_per_row(history, "auto", "f32") == pytest.approx(0.25)
    assert core_seconds_per_row(history, "auto", "bf16") == pytest.approx(0.05)
    assert core_seconds_per_row(history, "tensorflow", "bf16") is None
    assert core_seconds_per_row([], "auto", "f32") is None


def test_only_the_last_runs_count() -> None:
    history = [past(9.0)] * 100 + [past(0.1)] * HISTORY_RUNS
    assert core_seconds_per_row(history, "auto", "f32") == pytest.approx(0.1)


@pytest.mark.parametrize("changes", [{"rows": 0}, {"cores": 0}, {"predict_seconds": 0}])
def test_a_run_that_says_nothing_does_not_count(changes: dict[str, Any]) -> None:
    assert core_seconds_per_row([past(9.0, **changes), past(0.1)], "auto", "f32") == pytest.approx(0.1)


def test_twice_the_cores_take_half_the_time() -> None:
    assert predict_seconds(1000, 0.1, 4) == pytest.approx(25)
    assert predict_seconds(1000, 0.1, 8) == pytest.approx(12.5)


@pytest.mark.parametrize(("seconds", "cores"), [(100, 1), (99, 2), (50, 2), (49.9, 3), (1e9, 1), (0, None), (-5, None)])
def test_the_fewest_cores_that_do_it(seconds: float, cores: int | None) -> None:
    assert cores_needed(1000, 0.1, seconds) == cores


def test_the_finish_is_the_time_left_from_the_last_report() -> None:
    reported = datetime(2026, 1, 1, 12, tzinfo=UTC)
    progress = {"state": "predicting", "eta_seconds": 90.0, "updated_at": reported.isoformat()}
    assert project_finish(progress) == reported + timedelta(seconds=90)
    assert project_finish({**progress, "eta_seconds": 0.0}) == reported


@pytest.mark.parametrize(
    "progress",
    [
        None,
        {},
        {"state": "starting"},
        {"state": "predicting", "eta_seconds": None},
        {"state": "failed", "eta_seconds": 1},
    ],
)
def test_without_a_pace_there_is_no_finish(progress: dict[str, Any] | None) -> None:
    assert project_finish(progress) is None

"""What the driver tells everybody who watches the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from image_scoring.contract import BatchPredictionsError, TemporaryError
from image_scoring.fence import Fenced
from image_scoring.files import read_json
from image_scoring.progress import Progress

TOTAL = 10**12  # so many that the pace of any machine leaves some to do


@pytest.fixture
def progress() -> Progress:
    progress = Progress(run_key="r", attempt="a")
    progress.resume(TOTAL, shards_total=100, shards=3, rows=300, errors=5)
    return progress


def written(progress: Progress, path: Path) -> dict[str, Any]:
    progress.write(path)
    record: dict[str, Any] = read_json(path)
    return record


def test_there_is_no_pace_before_a_row_of_this_attempt(progress: Progress, tmp_path: Path) -> None:
    record = written(progress, tmp_path / "p.json")
    assert (record["state"], record["rows_done"], record["rows_resumed"], record["errors"]) == ("starting", 300, 300, 5)
    progress.start_predicting()
    record = written(progress, tmp_path / "p.json")
    assert record["state"] == "predicting"
    assert record["steady_images_per_second"] is None
    assert record["eta_seconds"] is None


def test_the_time_left_is_the_rows_left_at_the_pace(progress: Progress, tmp_path: Path) -> None:
    progress.start_predicting()
    progress.commit(rows=1000, errors=2)
    progress.rows_in_flight = 500
    record = written(progress, tmp_path / "p.json")
    assert (record["shards_done"], record["rows_done"], record["errors"]) == (4, 1300, 7)
    left = TOTAL - 300 - 1500
    assert record["eta_seconds"] == pytest.approx(left / record["steady_images_per_second"], rel=1e-3)


def test_the_pace_is_that_since_the_first_result(progress: Progress) -> None:
    progress._predicting_since = 100.0
    assert progress._rate(now=150.0, rows=100) == 2.0  # nothing after it yet: all the time
    assert progress._rate(now=160.0, rows=400) == 30.0
    assert progress._rate(now=170.0, rows=400) == 15.0


def test_a_run_that_is_finished_has_nothing_left(progress: Progress, tmp_path: Path) -> None:
    progress.start_predicting()
    progress.rows_in_flight = 500
    progress.finish(tmp_path / "p.json")
    record = read_json(tmp_path / "p.json")
    assert (record["state"], record["rows_in_flight"], record["eta_seconds"]) == ("finished", 0, 0.0)


@pytest.mark.parametrize(
    ("error", "worth_retrying"),
    [(TemporaryError("no executors"), True), (BatchPredictionsError("no model"), False), (Fenced("newer"), False)],
)
def test_a_failure_says_whether_a_retry_may_help(
    error: BatchPredictionsError, worth_retrying: bool, progress: Progress, tmp_path: Path
) -> None:
    progress.start_predicting()
    progress.commit(rows=10, errors=0)
    progress.fail(tmp_path / "p.json", error)
    record = read_json(tmp_path / "p.json")
    assert (record["state"], record["message"]) == ("failed", str(error))
    assert record["worth_retrying"] is worth_retrying
    assert record["eta_seconds"] is None
    assert record["rows_done"] == 310

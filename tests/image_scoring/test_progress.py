"""What the driver tells everybody who watches the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from image_scoring.commits import Commit
from image_scoring.contract import BatchPredictionsError, TemporaryError
from image_scoring.fence import Fenced
from image_scoring.files import read_json
from image_scoring.progress import Progress

RESUMED = [Commit(0, 100, 2, carried=10, rerun=20, rechecked=1, began=5.0, ended=6.0), Commit(1, 200, 3)]


@pytest.fixture
def progress() -> Progress:
    """Of a run with 1,000 rows, 300 of them committed before."""
    progress = Progress(run_key="r", attempt="a")
    progress.resume(1000, shards_total=10, commits=RESUMED)
    return progress


def written(progress: Progress, path: Path) -> dict[str, Any]:
    progress.write(path)
    record: dict[str, Any] = read_json(path)
    return record


def test_what_is_committed_already_is_taken_over(progress: Progress, tmp_path: Path) -> None:
    record = written(progress, tmp_path / "p.json")
    assert (record["state"], record["rows_total"], record["shards_total"]) == ("starting", 1000, 10)
    assert (record["rows_done"], record["rows_resumed"], record["shards_done"]) == (300, 300, 2)
    assert (record["errors"], record["carried"], record["rerun"], record["rechecked"]) == (5, 10, 20, 1)


def test_there_is_no_pace_before_a_row_of_this_attempt(progress: Progress, tmp_path: Path) -> None:
    progress.start_predicting()
    record = written(progress, tmp_path / "p.json")
    assert record["state"] == "predicting"
    assert record["steady_images_per_second"] is None
    assert record["eta_seconds"] is None


def test_the_pace_is_that_of_this_attempt_from_its_first_image_to_its_last_result(
    progress: Progress, tmp_path: Path
) -> None:
    progress.start_predicting()
    progress.add(Commit(2, 100, 1, carried=5, rerun=6, rechecked=7, began=1010.0, ended=1020.0))
    progress.add(Commit(3, 300, 0, began=1000.0, ended=1015.0))
    record = written(progress, tmp_path / "p.json")
    assert (record["shards_done"], record["rows_done"], record["errors"]) == (4, 700, 6)
    assert (record["carried"], record["rerun"], record["rechecked"]) == (15, 26, 8)
    assert record["steady_images_per_second"] == 20.0  # 400 rows from 1000 to 1020
    assert record["eta_seconds"] == 15.0  # 300 rows left


def test_a_commit_without_times_leaves_the_pace_open(progress: Progress, tmp_path: Path) -> None:
    progress.start_predicting()
    progress.add(Commit(2, 100, 0))
    assert written(progress, tmp_path / "p.json")["steady_images_per_second"] is None
    progress.add(Commit(3, 100, 0, began=1000.0, ended=1010.0))
    assert written(progress, tmp_path / "p.json")["steady_images_per_second"] == 20.0


def test_what_was_given_up_counts_no_more(progress: Progress, tmp_path: Path) -> None:
    progress.flips = 2
    progress.start_predicting()
    progress.add(Commit(2, 100, 1, rechecked=9, began=10.0, ended=20.0))
    progress.resume(1000, 10, [])
    record = written(progress, tmp_path / "p.json")
    names = ("rows_done", "rows_resumed", "shards_done", "errors", "carried", "rerun", "rechecked")
    assert {name: record[name] for name in names} == dict.fromkeys(names, 0)
    assert record["flips"] == 2  # of the whole run
    progress.add(Commit(2, 100, 0, began=30.0, ended=40.0))
    assert written(progress, tmp_path / "p.json")["steady_images_per_second"] == 10.0


def test_a_run_that_is_finished_has_nothing_left_and_keeps_its_pace(progress: Progress, tmp_path: Path) -> None:
    progress.start_predicting()
    progress.add(Commit(2, 700, 0, began=0.0, ended=70.0))
    progress.write(tmp_path / "p.json")
    progress.finish(tmp_path / "p.json")
    record = read_json(tmp_path / "p.json")
    assert (record["state"], record["eta_seconds"], record["steady_images_per_second"]) == ("finished", 0.0, 10.0)


@pytest.mark.parametrize(
    ("error", "worth_retrying"),
    [(TemporaryError("no executors"), True), (BatchPredictionsError("no model"), False), (Fenced("newer"), False)],
)
def test_a_failure_says_whether_a_retry_may_help(
    error: BatchPredictionsError, worth_retrying: bool, progress: Progress, tmp_path: Path
) -> None:
    progress.start_predicting()
    progress.add(Commit(2, 10, 0, began=0.0, ended=1.0))
    progress.fail(tmp_path / "p.json", error)
    record = read_json(tmp_path / "p.json")
    assert (record["state"], record["message"]) == ("failed", str(error))
    assert record["worth_retrying"] is worth_retrying
    assert record["eta_seconds"] is None
    assert record["rows_done"] == 310

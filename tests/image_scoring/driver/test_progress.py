"""What the driver tells everybody who watches the run."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from image_scoring.driver.commits import Commit
from image_scoring.driver.fencing_token import AttemptSuperseded
from image_scoring.driver.progress import FINEST_SECONDS, MOST_SAMPLES, Progress, Sample, add_sample
from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.files import read_json

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
    [
        (TemporaryError("no executors"), True),
        (BatchPredictionsError("no model"), False),
        (AttemptSuperseded("newer"), False),
    ],
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


def test_samples_begin_with_predicting_and_end_with_now(
    progress: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert written(progress, tmp_path / "p.json")["samples"] == []
    progress.start_predicting()
    progress.cores = 4
    for moment, rows in ((100.0, 0), (100.5, 50), (101.2, 0)):
        monkeypatch.setattr("time.time", lambda moment=moment: moment)
        progress.add(Commit(2, rows, 0))
        record = written(progress, tmp_path / "p.json")
    assert record["samples"] == [[100.0, 300, 4], [100.5, 350, 4], [101.2, 350, 4]]
    progress.finish(tmp_path / "p.json")
    assert read_json(tmp_path / "p.json")["samples"] == record["samples"]


def test_samples_of_earlier_attempts_are_kept_with_their_rows(progress: Progress) -> None:
    earlier = [(1.0, 0, 2), (2.0, 200, 2), (3.0, 300, 2), (4.0, 900, 2)]
    progress.resume(1000, 10, RESUMED, earlier)
    assert progress.samples == earlier[:3]  # of 300 rows; the others are not committed
    progress.resume(1000, 10, [])
    assert progress.samples == []


@pytest.mark.parametrize("seconds", [60.0, 3600.0, 7 * 86_400.0])
def test_samples_stay_few_and_even_however_long_it_takes(seconds: float) -> None:
    step = max(FINEST_SECONDS, seconds / 5000)
    samples: list[Sample] = []
    moments = [index * step for index in range(int(seconds / step) + 1)]
    for moment in moments:
        samples = add_sample(samples, (moment, int(moment), 2))
        assert len(samples) <= MOST_SAMPLES
        assert samples[0] == (0.0, 0, 2)
        assert samples[-1][0] == moment
    gaps = sorted(new[0] - old[0] for old, new in pairwise(samples[1:-1]))
    assert len(samples) >= min(MOST_SAMPLES / 2, len(moments))
    assert gaps[-1] - gaps[0] <= 2 * step


def test_a_clock_that_is_set_back_leaves_no_sample_of_the_future() -> None:
    samples: list[Sample] = [(100.0, 0, 2), (200.0, 10, 2), (300.0, 20, 2)]
    assert add_sample(samples, (250.0, 20, 2)) == [(100.0, 0, 2), (200.0, 10, 2), (250.0, 20, 2)]
    assert add_sample(samples, (50.0, 20, 2)) == [(50.0, 20, 2)]


def test_a_run_that_waits_for_cores_says_so_until_it_has_them(progress: Progress, tmp_path: Path) -> None:
    progress.waiting = True
    assert written(progress, tmp_path / "p.json")["waiting"] is True
    progress.start_predicting()
    assert written(progress, tmp_path / "p.json")["waiting"] is False

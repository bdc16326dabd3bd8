"""What progress.json says while an attempt predicts, and how it ends."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from image_scoring.driver.fencing_token import AttemptSuperseded
from image_scoring.driver.progress import FINEST_SECONDS, MOST_SAMPLES, ProgressReporter, add_sample
from image_scoring.model.engines.engine import EngineChoice
from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.record import require_record
from run_contract.records.predict import CommitRecord, DriverState, ProgressRecord, ProgressSample

RESUMED = [
    CommitRecord(0, 100, 2, carried=10, rerun=20, rechecked=1, began=5.0, ended=6.0),
    CommitRecord(1, 200, 3),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "progress.json"


@pytest.fixture
def progress(path: Path) -> ProgressReporter:
    """Of a run with 1,000 rows, 300 of them committed before."""
    progress = ProgressReporter(path, run_key="r", attempt="a", image_timeout=7.0)
    progress.resume(1000, shards_total=10, commits=RESUMED)
    return progress


def written(progress: ProgressReporter, path: Path) -> ProgressRecord:
    progress.write()
    record = require_record(ProgressRecord, path)
    assert record == progress.record
    return record


def test_committed_shards_are_counted_at_the_start(progress: ProgressReporter, path: Path) -> None:
    record = written(progress, path)
    assert (record.run_key, record.attempt, record.image_timeout) == ("r", "a", 7.0)
    assert (record.state, record.rows_total, record.shards_total) == (DriverState.STARTING, 1000, 10)
    assert (record.rows_done, record.rows_resumed, record.shards_done) == (300, 300, 2)
    assert (record.errors, record.carried, record.rerun, record.rechecked) == (5, 10, 20, 1)


def test_the_engine_is_that_of_the_choice(progress: ProgressReporter, path: Path) -> None:
    progress.set_engine(EngineChoice("openvino", "int8", "model.xml", agreement=0.99), "m@1")
    record = written(progress, path)
    assert (record.engine, record.precision, record.label_agreement, record.model) == ("openvino", "int8", 0.99, "m@1")


def test_there_is_no_pace_before_a_row_of_this_attempt(progress: ProgressReporter, path: Path) -> None:
    progress.start_predicting()
    record = written(progress, path)
    assert record.state == DriverState.PREDICTING
    assert record.steady_images_per_second is None
    assert record.eta_seconds is None


def test_the_pace_is_that_of_this_attempt_from_its_first_image_to_its_last_result(
    progress: ProgressReporter, path: Path
) -> None:
    progress.start_predicting()
    progress.add(CommitRecord(2, 100, 1, carried=5, rerun=6, rechecked=7, began=1010.0, ended=1020.0))
    progress.add(CommitRecord(3, 300, 0, began=1000.0, ended=1015.0))
    record = written(progress, path)
    assert (record.shards_done, record.rows_done, record.errors) == (4, 700, 6)
    assert (record.carried, record.rerun, record.rechecked) == (15, 26, 8)
    assert record.steady_images_per_second == 20.0  # 400 rows from 1000 to 1020
    assert record.eta_seconds == 15.0  # 300 rows left


def test_a_commit_without_times_does_not_set_the_pace(progress: ProgressReporter, path: Path) -> None:
    progress.start_predicting()
    progress.add(CommitRecord(2, 100, 0))
    assert written(progress, path).steady_images_per_second is None
    progress.add(CommitRecord(3, 100, 0, began=1000.0, ended=1010.0))
    assert written(progress, path).steady_images_per_second == 20.0


def test_commits_that_are_removed_are_no_longer_counted(progress: ProgressReporter, path: Path) -> None:
    progress.set_flips(2)
    progress.start_predicting()
    progress.add(CommitRecord(2, 100, 1, rechecked=9, began=10.0, ended=20.0))
    progress.forget_commits()
    record = written(progress, path)
    assert (record.rows_total, record.shards_total) == (1000, 10)
    assert (record.rows_done, record.rows_resumed, record.shards_done) == (0, 0, 0)
    assert (record.errors, record.carried, record.rerun, record.rechecked) == (0, 0, 0, 0)
    assert record.flips == 2  # of the whole run
    progress.add(CommitRecord(2, 100, 0, began=30.0, ended=40.0))
    assert written(progress, path).steady_images_per_second == 10.0


def test_a_finished_run_has_nothing_left_and_keeps_its_pace(progress: ProgressReporter, path: Path) -> None:
    progress.start_predicting()
    progress.add(CommitRecord(2, 700, 0, began=0.0, ended=70.0))
    progress.write()
    progress.finish()
    record = require_record(ProgressRecord, path)
    assert (record.state, record.eta_seconds) == (DriverState.FINISHED, 0.0)
    assert record.steady_images_per_second == 10.0


@pytest.mark.parametrize(
    ("error", "worth_retrying"),
    [
        (TemporaryError("no executors"), True),
        (BatchPredictionsError("no model"), False),
        (AttemptSuperseded("newer"), False),
    ],
)
def test_a_failure_says_whether_a_retry_may_help(
    error: BatchPredictionsError, worth_retrying: bool, progress: ProgressReporter, path: Path
) -> None:
    progress.start_predicting()
    progress.add(CommitRecord(2, 10, 0, began=0.0, ended=1.0))
    progress.fail(error)
    record = require_record(ProgressRecord, path)
    assert (record.state, record.message) == (DriverState.FAILED, str(error))
    assert record.worth_retrying is worth_retrying
    assert record.eta_seconds is None
    assert record.rows_done == 310


def test_samples_begin_with_predicting_and_end_with_now(
    progress: ProgressReporter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert written(progress, path).samples == ()
    progress.start_predicting()
    progress.set_executors(cores=4, workers=2)
    for moment, rows in ((100.0, 0), (100.5, 50), (101.2, 0)):
        monkeypatch.setattr("time.time", lambda moment=moment: moment)
        progress.add(CommitRecord(2, rows, 0))
        record = written(progress, path)
    assert record.samples == ((100.0, 300, 4), (100.5, 350, 4), (101.2, 350, 4))
    assert (record.cores, record.workers) == (4, 2)
    progress.finish()
    assert require_record(ProgressRecord, path).samples == record.samples


def test_samples_of_earlier_attempts_are_kept_with_their_rows(progress: ProgressReporter) -> None:
    earlier = [ProgressSample(*values) for values in ((1.0, 0, 2), (2.0, 200, 2), (3.0, 300, 2), (4.0, 900, 2))]
    progress.resume(1000, 10, RESUMED, earlier)
    assert progress.record.samples == tuple(earlier[:3])  # of 300 rows; the others are not committed
    progress.resume(1000, 10, [])
    assert progress.record.samples == ()


@pytest.mark.parametrize("seconds", [60.0, 3600.0, 7 * 86_400.0])
def test_samples_stay_few_and_evenly_spaced_however_long_it_takes(seconds: float) -> None:
    step = max(FINEST_SECONDS, seconds / 5000)
    samples: tuple[ProgressSample, ...] = ()
    moments = [index * step for index in range(int(seconds / step) + 1)]
    for moment in moments:
        samples = add_sample(samples, ProgressSample(moment, int(moment), 2))
        assert len(samples) <= MOST_SAMPLES
        assert samples[0] == (0.0, 0, 2)
        assert samples[-1].seconds == moment
    gaps = sorted(new.seconds - old.seconds for old, new in pairwise(samples[1:-1]))
    assert len(samples) >= min(MOST_SAMPLES / 2, len(moments))
    assert gaps[-1] - gaps[0] <= 2 * step


def test_a_clock_that_is_set_back_leaves_no_sample_of_the_future() -> None:
    first, second, third = (ProgressSample(100.0 * n, 10 * n, 2) for n in (1, 2, 3))
    between, earliest = ProgressSample(250.0, 30, 2), ProgressSample(50.0, 30, 2)
    assert add_sample([first, second, third], between) == (first, second, between)
    assert add_sample([first, second, third], earliest) == (earliest,)


def test_a_run_that_waits_for_executors_says_so_until_it_has_them(progress: ProgressReporter, path: Path) -> None:
    progress.wait_for_executors()
    assert require_record(ProgressRecord, path).waiting is True
    progress.start_predicting()
    assert written(progress, path).waiting is False

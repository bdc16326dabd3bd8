"""How a predict attempt ends, and how its failure is explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from image_scoring.driver.attempt import begin_attempt, explain, root_cause
from image_scoring.driver.fencing_token import AttemptSuperseded, FencingToken
from image_scoring.worker.preflight import PreflightError
from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.layout import RunPaths, Workspace
from run_contract.record import require_record
from run_contract.records.predict import DriverState, ProgressRecord
from tests.helpers import make_run

KEY = "20260101T000000Z"
WORKER_ERROR = """Job aborted due to stage failure: Task 0 in stage 1.0 failed 4 times, most recent failure:
Lost task 0.3 in stage 1.0 (TID 7) (10.0.0.2 executor 0): org.apache.spark.api.python.PythonException:
Traceback (most recent call last):
  File "/code/image_scoring/worker/preflight.py", line 1, in check_versions
image_scoring.worker.preflight.PreflightError: {line}

\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException(PythonRunner.scala:581)
Caused by: java.io.IOException: something else
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_run(tmp_path, ["0.jpg"], KEY)[0]


@pytest.fixture
def run(workspace: Workspace) -> RunPaths:
    return workspace.run(KEY)


def read_progress(run: RunPaths) -> ProgressRecord:
    return require_record(ProgressRecord, run.progress)


def test_a_preflight_error_is_not_worth_a_retry() -> None:
    line = str(PreflightError("numpy", "2.4.6", "1.26.4", "install it"))
    error = explain(KEY, RuntimeError(WORKER_ERROR.format(line=line)))
    assert type(error) is BatchPredictionsError
    assert str(error) == line


def test_any_other_error_of_spark_is_worth_a_retry_and_one_line() -> None:
    error = explain(KEY, RuntimeError(WORKER_ERROR.format(line="no")))
    assert type(error) is TemporaryError
    cause = "image_scoring.worker.preflight.PreflightError: no"
    assert str(error) == f"run {KEY}: predict failed ({cause}); run it again to continue with the missing shards"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("one line", "one line"),
        ("\n\n  first \t line\nsecond", "first line"),
        ("x\nCaused by: outer\n\tat a.b\nCaused by: inner  one\n\tat c.d", "inner one"),
        ("", "ValueError"),
        ("a" * 1000, "a" * 300),
    ],
)
def test_the_root_cause_is_one_line(text: str, cause: str) -> None:
    assert root_cause(ValueError(text)) == cause


def test_an_attempt_that_ends_well_is_finished(workspace: Workspace, run: RunPaths) -> None:
    with begin_attempt(workspace, KEY, image_timeout=7.0) as attempt:
        attempt.progress.write()
        assert read_progress(run).state == DriverState.STARTING
    progress = read_progress(run)
    assert (progress.state, progress.attempt) == (DriverState.FINISHED, attempt.fencing_token.value)
    assert (progress.run_key, progress.image_timeout) == (KEY, 7.0)


@pytest.mark.parametrize(
    ("error", "message", "worth_retrying"),
    [
        (BatchPredictionsError("no model"), "no model", False),
        (TemporaryError("no executors"), "no executors", True),
        (OSError(28, "No space left"), "predict failed ([Errno 28] No space left)", True),
        (PreflightError("numpy", "2", "1", "install it"), "numpy 1 found, 2 expected; install it", False),
    ],
)
def test_an_attempt_that_fails_says_why(
    error: Exception, message: str, worth_retrying: bool, workspace: Workspace, run: RunPaths
) -> None:
    with pytest.raises(BatchPredictionsError) as raised, begin_attempt(workspace, KEY):
        raise error
    progress = read_progress(run)
    assert (progress.state, progress.worth_retrying) == (DriverState.FAILED, worth_retrying)
    assert message in progress.message
    assert progress.message == str(raised.value)
    assert isinstance(raised.value, TemporaryError) is worth_retrying


@pytest.mark.parametrize("error", [None, BatchPredictionsError("refused"), OSError("its staging is gone")])
def test_a_superseded_attempt_leaves_the_progress_to_the_newer_one(
    error: Exception | None, workspace: Workspace, run: RunPaths
) -> None:
    """Errors of an attempt after a newer one began are no failure of the run."""
    run.progress.write_text("of the newer attempt")

    def be_superseded() -> None:
        with begin_attempt(workspace, KEY) as attempt:
            FencingToken(run.fencing_token)
            if error:
                raise error
            attempt.fencing_token.check()

    with pytest.raises(AttemptSuperseded):
        be_superseded()
    assert run.progress.read_text() == "of the newer attempt"

"""Several drivers work on a run: only the newest may commit."""

from __future__ import annotations

import pytest

from run_contract.layout import RunPaths
from tests.faults.job import Stage, Submission, assert_complete, hashes, stamps

pytestmark = pytest.mark.slow


def test_only_the_newest_of_three_drivers_commits(stage: Stage, undisturbed: RunPaths) -> None:
    """The first is held right before a rename until the second has removed its staging; the second predicts."""
    run = stage.new_run("superseded")
    frozen, predicting = stage.tmp / "frozen", stage.tmp / "predicting"
    with stage.submit(run, driver={"commit": {"when": "before", "handshake": str(frozen)}}) as first:
        held = first.until_held(frozen)
        token = _token(run)
        holds = {"images": {"by_marker": {"MARK-C": str(predicting)}}}
        with stage.submit(run, executors=holds) as second:
            second.until(lambda: _token(run) != token and not (run.staging / token).exists(), "its start")
            held.release()
            _assert_superseded(first)
            assert not stamps(run)

            second.until_held(predicting)
            second.until(lambda: stamps(run), "its first commit")
            with stage.submit(run) as third:
                _assert_superseded(second)
                assert third.wait() == 0, third.output
    progress = assert_complete(run)
    assert progress.attempt == _token(run)
    assert hashes(run) == hashes(undisturbed)


def _assert_superseded(submission: Submission) -> None:
    assert submission.wait() == 1
    line = "error: run superseded: a newer attempt has taken over; this one stops"
    assert submission.printed.splitlines()[-1] == line


def _token(run: RunPaths) -> str:
    return run.fencing_token.read_text()

"""More than one driver at work on a run: only the newest may commit."""

from __future__ import annotations

import pytest

from run_contract.layout import RunPaths
from tests.faults.job import Stage, Submission, assert_complete, hashes, stamps

pytestmark = pytest.mark.slow


def test_only_the_newest_of_three_drivers_commits(stage: Stage, undisturbed: RunPaths) -> None:
    """The first is frozen right before a rename until the second has cleared up; the second is predicting."""
    run = stage.new_run("fence")
    frozen, predicting = stage.tmp / "frozen", stage.tmp / "predicting"
    with stage.submit(run, driver={"commit": {"when": "before", "handshake": str(frozen)}}) as first:
        held = first.until_held(frozen)
        token = run.fencing_token.read_text()
        holds = {"images": {"by_marker": {"MARK-C": str(predicting)}}}
        with stage.submit(run, executors=holds) as second:
            second.until(
                lambda: run.fencing_token.read_text() != token and not (run.staging / token).exists(), "its start"
            )
            held.release()
            _assert_fenced(first)
            assert not stamps(run)

            second.until_held(predicting)
            second.until(lambda: stamps(run), "its first commit")
            with stage.submit(run) as third:
                _assert_fenced(second)
                assert third.wait() == 0, third.output
    progress = assert_complete(run)
    assert progress["attempt"] == run.fencing_token.read_text()
    assert hashes(run) == hashes(undisturbed)


def _assert_fenced(submission: Submission) -> None:
    assert submission.wait() == 1
    assert submission.printed.splitlines()[-1] == "error: run fence: a newer attempt has taken over, this one stops"

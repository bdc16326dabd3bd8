"""SIGKILL for the driver, JVM and Python at once: the next attempt resumes after the committed shards."""

from __future__ import annotations

import pytest

from image_scoring.images.manifest_shards import manifest_rows
from run_contract.layout import RunPaths
from tests.faults.job import Stage, assert_complete, hashes, stamps

pytestmark = pytest.mark.slow


def test_attempts_that_are_killed_lose_no_committed_shard(stage: Stage, undisturbed: RunPaths) -> None:
    run = stage.new_run("driver-killed")
    _kill_half_way(stage, run)
    half = stamps(run)

    _kill_at_commit(stage, run, "before")
    assert stamps(run) == half

    _kill_at_commit(stage, run, "after")
    one_more = stamps(run)
    assert len(one_more) == len(half) + 1
    assert half.items() <= one_more.items()

    stage.predict(run)
    progress = assert_complete(run)
    assert one_more.items() <= stamps(run).items()
    assert progress.rows_resumed == sum(manifest_rows(run, number) for number in one_more)
    assert hashes(run) == hashes(undisturbed)


def _kill_half_way(stage: Stage, run: RunPaths) -> None:
    """Both cores are held, one after the other: two shards cannot be finished before the kill."""
    holds = {mark: str(stage.tmp / f"half-way-{mark}") for mark in ("MARK-C", "MARK-D")}
    with stage.submit(run, executors={"images": {"by_marker": holds}}) as submission:
        submission.until(lambda: len(stamps(run)) >= 9, "half of the commits")
        submission.kill()
    assert len(run.pending_shards()) >= 2


def _kill_at_commit(stage: Stage, run: RunPaths, when: str) -> None:
    """Kills the driver right before or right after the rename of the attempt's first shard."""
    handshake = stage.tmp / f"{when}-commit"
    with stage.submit(run, driver={"commit": {"when": when, "handshake": str(handshake)}}) as submission:
        submission.until_held(handshake)
        submission.kill()

"""An executor that is frozen and continues too late, and a master that dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from run_contract.layout import RunPaths
from run_contract.records.predict import DriverState
from tests.faults.cluster import start_cluster
from tests.faults.job import Stage, assert_complete, hashes, progress_of, stamps

pytestmark = pytest.mark.slow

# Spark gives up an executor after two minutes; this is shortened for the test.
SOON_GIVEN_UP = {
    "spark.network.timeout": "20s",
    "spark.network.timeoutInterval": "5s",
    "spark.executor.heartbeatInterval": "2s",
}


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """SIGSTOP for the time of the block, then SIGCONT for those that still exist."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGCONT)


def test_the_shards_of_a_frozen_executor_are_predicted_elsewhere_and_its_own_come_too_late(
    stage: Stage, undisturbed: RunPaths
) -> None:
    run = stage.new_run("executor-frozen")
    handshake = stage.tmp / "frozen"
    faults = {"images": {"by_marker": {"MARK-B": str(handshake)}}}
    with stage.submit(run, executors=faults, conf=SOON_GIVEN_UP) as submission:
        held = submission.until_held(handshake)
        with frozen(held.executor, held.parent, held.pid):
            held.release()
            submission.until(lambda: not run.pending_shards(), "every shard is committed without the frozen one")
            before = stamps(run)
        assert submission.wait() == 0, submission.output
    assert_complete(run)
    assert stamps(run) == before
    assert hashes(run) == hashes(undisturbed)


def test_a_master_that_dies_costs_no_row(
    stage: Stage, undisturbed: RunPaths, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """The executors finish without it, or the driver fails with one line and the next attempt resumes."""
    with start_cluster(tmp_path_factory.mktemp("masterless")) as cluster:
        masterless = replace(stage, cluster=cluster, tmp=tmp_path)
        run, handshake = masterless.new_run("master-dead"), tmp_path / "half"
        faults = {"images": {"by_marker": {"MARK-B": str(handshake)}}}
        with masterless.submit(run, executors=faults) as submission:
            held = submission.until_held(handshake)
            os.kill(cluster.daemons[0], signal.SIGKILL)
            held.release()
            ended_well = submission.wait() == 0
            committed = stamps(run)
        if not ended_well:  # Spark gave the application up
            progress = progress_of(run)
            assert (progress.state, progress.worth_retrying) == (DriverState.FAILED, True)
            assert submission.printed.splitlines()[-1] == f"error: {progress.message}"
    with stage.submit(run) as submission:
        assert submission.wait() == 0, submission.output
    assert_complete(run)
    assert committed.items() <= stamps(run).items()
    assert hashes(run) == hashes(undisturbed)

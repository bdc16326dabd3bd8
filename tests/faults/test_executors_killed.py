"""SIGKILL for Python workers, daemons and executors, and a master that starts no executors."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from run_contract.layout import RunPaths
from run_contract.records.predict import DriverState
from tests.faults.job import Stage, assert_complete, hashes, progress_of, stamps

pytestmark = pytest.mark.slow


def test_a_run_survives_the_kill_of_a_worker_a_daemon_and_an_executor(stage: Stage, undisturbed: RunPaths) -> None:
    run = stage.new_run("executors-killed")
    holds = {mark: stage.tmp / f"kill-{mark}" for mark in ("MARK-A", "MARK-B", "MARK-C")}
    by_marker = {mark: str(path) for mark, path in holds.items()}
    with stage.submit(run, executors={"images": {"by_marker": by_marker}}) as submission:
        worker = submission.until_held(holds["MARK-A"])
        os.kill(worker.pid, signal.SIGKILL)

        orphan = submission.until_held(holds["MARK-B"])
        assert "image_scoring.worker.daemon" in psutil.Process(orphan.parent).cmdline()
        os.kill(orphan.parent, signal.SIGKILL)
        os.kill(orphan.pid, signal.SIGKILL)

        executed = submission.until_held(holds["MARK-C"])
        before = stamps(run)
        os.kill(executed.executor, signal.SIGKILL)
        assert submission.wait() == 0, submission.output
    assert_complete(run)
    assert before
    assert before.items() <= stamps(run).items()
    assert hashes(run) == hashes(undisturbed)


def test_no_executors_is_one_line_and_worth_a_retry(stage: Stage) -> None:
    run = stage.new_run("no-executors")
    # No worker has 64 cores, so the master never starts an executor, as if it had no workers.
    faults = {"no_executors": {"seconds": 1.0}}
    with stage.submit(run, driver=faults, conf={"spark.executor.cores": "64"}) as submission:
        assert submission.wait() == 1, submission.output
    error = f"Spark master {stage.cluster.master_url}: no executors for 1 s; "
    assert submission.printed.splitlines()[-1].startswith(f"error: {error}")
    progress = progress_of(run)
    assert progress.state is DriverState.FAILED
    assert progress.message.startswith(error)
    assert progress.worth_retrying
    assert not stamps(run)

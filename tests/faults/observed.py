"""Observes the executors' Python processes from outside while a job predicts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from run_contract.layout import RunPaths
from tests.faults.cluster import Cluster
from tests.faults.job import DEADLINE_SECONDS, Submission


@dataclass
class Worker:
    """A Python worker. daemon: the process that forked it. peak_mb: peak resident memory. libraries: mapped files."""

    daemon: int
    peak_mb: float = 0.0
    libraries: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Observed:
    """A run and the Python workers that predicted it, by process id."""

    run: RunPaths
    workers: dict[int, Worker]


def observe_workers(cluster: Cluster, submission: Submission) -> dict[int, Worker]:
    """Polls every tenth of a second until the submission ends."""
    workers: dict[int, Worker] = {}
    deadline = time.monotonic() + DEADLINE_SECONDS
    while submission.process.poll() is None:
        assert time.monotonic() < deadline, submission.output
        for process in python_workers(cluster):
            if process.pid not in workers:
                workers[process.pid] = Worker(daemon=process.ppid())
            _look_at(process, workers[process.pid])
        time.sleep(0.1)
    return workers


def python_workers(cluster: Cluster) -> list[psutil.Process]:
    """Return the processes that the daemons have forked."""
    found = []
    for process in cluster.others():
        try:
            parent = process.parent()
            if parent and all("image_scoring.worker.daemon" in each.cmdline() for each in (process, parent)):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _look_at(process: psutil.Process, worker: Worker) -> None:
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
        worker.libraries |= {region.path for region in process.memory_maps()}
    except (psutil.Error, OSError):
        return
    peak = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    worker.peak_mb = max([worker.peak_mb, *(int(kilobytes) / 1024 for kilobytes in peak)])

"""A Spark standalone master and worker on loopback, as `make run` starts them, for the time of the benchmark."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from local_stack import processes
from local_stack.addresses import Addresses, free_addresses
from local_stack.environment import make_environment
from local_stack.layout import Layout
from local_stack.options import REPOSITORY, Options
from local_stack.signals import unstoppable
from local_stack.spark_cluster import alive_workers, master_command, worker_command, write_spark_properties
from local_stack.stack import StackError

READY_SECONDS = 60.0
IDLE_SECONDS = 60.0
PYTHON_PATH = os.pathsep.join(str(REPOSITORY / name) for name in ("spark_jobs", "dags", "plugins", "."))


@dataclass(frozen=True)
class Cluster:
    """environment: for every process that works with the cluster. worker: its executors are children of it."""

    master_url: str
    environment: dict[str, str]
    worker: psutil.Process

    def executors(self) -> list[psutil.Process]:
        """Raises StackError when the worker is gone."""
        try:
            children = self.worker.children()
        except psutil.NoSuchProcess:
            raise StackError("Spark worker: it has ended by itself; see spark.log below the workspace") from None
        return [child for child in children if _runs(child)]

    def wait_until_idle(self) -> None:
        """Returns when the executors of the last application are gone, so that none is charged to the next."""
        deadline = time.monotonic() + IDLE_SECONDS
        while self.executors():
            if time.monotonic() > deadline:
                raise StackError(f"Spark worker: executors are still there after {IDLE_SECONDS:.0f} s; run it again")
            time.sleep(0.1)


@contextmanager
def standalone_cluster(workspace: Path, cores: int, say: Callable[[str], None]) -> Iterator[Cluster]:
    """One master, one worker with `cores`. However the block ends, nothing that was started keeps running.

    Raises StackError when it does not come up.
    """
    layout, options = Layout(workspace), Options(workspace, workers=1, cores=cores)
    for directory in (layout.logs, layout.airflow_home, layout.scratch):
        directory.mkdir(parents=True, exist_ok=True)
    processes.end_all(layout.mark)  # what a killed benchmark may have left
    addresses = free_addresses(workers=1)
    # A session that Python opens by itself takes its spark-submit options, and so the secret, from the environment.
    session = {
        "PYTHONPATH": PYTHON_PATH,
        "PYSPARK_SUBMIT_ARGS": f"--properties-file '{layout.spark_properties}' pyspark-shell",
    }
    environment = {**make_environment(layout, options, addresses, ""), **session}
    write_spark_properties(layout)
    try:
        worker = _start(layout, options, addresses, environment)
        _wait_until_ready(addresses, layout)
        yield Cluster(addresses.master_url, environment, psutil.Process(worker))
    finally:
        with unstoppable(say):
            processes.end_all(layout.mark)
            for directory in (layout.scratch, layout.spark_work):
                shutil.rmtree(directory, ignore_errors=True)


def _runs(process: psutil.Process) -> bool:
    """Whether it is more than the entry that an ended child leaves until its parent looks."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _start(layout: Layout, options: Options, addresses: Addresses, environment: dict[str, str]) -> int:
    """Starts both; returns the process id of the worker."""
    log = layout.logs / "spark.log"
    processes.start("master", master_command(environment, layout, addresses), environment, log)
    command = worker_command(environment, layout, addresses, 1, options.cores)
    return processes.start("worker", command, environment, log).pid


def _wait_until_ready(addresses: Addresses, layout: Layout) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not alive_workers(addresses):
        if time.monotonic() > deadline:
            raise StackError(f"Spark is not up after {READY_SECONDS:.0f} s; see {layout.logs / 'spark.log'}")
        time.sleep(0.2)

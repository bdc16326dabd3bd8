"""A Spark standalone master and two workers of one core each on loopback, started with the commands of `make run`."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from local_stack import processes
from local_stack.addresses import free_addresses
from local_stack.java import find_java_home
from local_stack.layout import Layout
from local_stack.spark import inherited_environment, spark_environment
from local_stack.spark_cluster import alive_workers, master_command, worker_command, write_spark_properties

WORKERS = 2
READY_SECONDS = 300.0
IDLE_SECONDS = 300.0


@dataclass(frozen=True)
class Cluster:
    """environment: of every process that uses the cluster. daemons: the process ids of master and workers."""

    master_url: str
    properties: Path
    environment: Mapping[str, str]
    daemons: tuple[int, ...]

    def others(self) -> list[psutil.Process]:
        """The processes beside master and workers: drivers, executors and their Python workers."""
        found = processes.find(self.environment[processes.MARK])
        return [process for process in found if process.pid not in self.daemons]

    def assert_idle_soon(self) -> None:
        """Wait until no process of a job is left."""
        _wait_until(lambda: not self.others(), IDLE_SECONDS, lambda: f"still there: {self.others()}")


@contextmanager
def start_cluster(directory: Path) -> Iterator[Cluster]:
    """A cluster with both workers, for the time of the block."""
    layout = Layout(directory)
    for each in (layout.logs, layout.scratch):
        each.mkdir(parents=True)
    addresses = free_addresses(WORKERS)
    java_home = find_java_home(layout.java)
    write_spark_properties(layout)
    # No PYTHONPATH: executors must get the code from the job itself.
    environment = {
        **inherited_environment(),
        processes.MARK: layout.mark,
        "TMPDIR": str(layout.scratch),
        **spark_environment(java_home, layout.scratch, layout.spark_work),
    }
    children: list[subprocess.Popen[bytes]] = []
    try:
        workers = [worker_command(environment, layout, addresses, number, cores=1) for number in range(1, WORKERS + 1)]
        for command in (master_command(environment, layout, addresses), *workers):
            children.append(processes.start("spark", command, environment, layout.logs / f"{len(children)}.log"))
        _wait_until(lambda: alive_workers(addresses) == WORKERS, READY_SECONDS, lambda: _logs(layout))
        yield Cluster(
            addresses.master_url, layout.spark_properties, environment, tuple(child.pid for child in children)
        )
    finally:
        processes.end_all(layout.mark)
        for child in children:
            child.wait()


def _logs(layout: Layout) -> str:
    return "\n".join(log.read_text(errors="replace")[-2000:] for log in sorted(layout.logs.glob("*.log")))


def _wait_until(condition: Callable[[], bool], seconds: float, what: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)

"""Starts and ends a stack."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from local_stack import processes
from local_stack.addresses import Addresses, default_addresses
from local_stack.airflow_api import AirflowApi
from local_stack.environment import has_own_cluster, make_environment
from local_stack.layout import Layout
from local_stack.options import Options
from local_stack.ports import Ports
from local_stack.signals import unstoppable
from local_stack.spark_cluster import alive_workers, master_command, worker_command, write_spark_properties
from local_stack.stack_secrets import load_secrets, write_private
from run_contract.record import read_readable

READY_SECONDS = 180.0
NEED_BYTES = 1024**3
MIGRATION = "db migrate"


class StackError(Exception):
    """A part of the stack has failed. One line: the part, the cause and where to look."""


class Stack:
    """The processes of one workspace, which has one stack at a time. `end` undoes `start`."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self.options = options
        self.layout = Layout(options.workspace)
        self._say = say
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._lock: int | None = None
        self._environment: dict[str, str] = {}

    def start(self, start_date: str) -> Addresses:
        """Start Spark and Airflow and return when both are up.

        start_date: the first day (ISO 8601) that the schedule may run, or "". Raises StackError, with no process left.
        """
        self._prepare()
        self._say("starting Spark and Airflow")
        ports = Ports()
        addresses = default_addresses(ports, self.options.workers)
        for note in ports.notes:
            self._say(note)
        self._environment = make_environment(self.layout, self.options, addresses, start_date)
        write_spark_properties(self.layout)
        try:
            if not has_own_cluster():
                self._start_spark(addresses)
            self._migrate()
            for role in ("api-server", "scheduler", "dag-processor", "triggerer"):
                self._start_airflow(role)
            self._wait_until_ready(addresses)
        except BaseException:
            self.end()
            raise
        return addresses

    def restart_triggerer(self) -> None:
        """Kill the triggerer and start another one, which takes over its triggers."""
        self.kill("triggerer")
        self._start_airflow("triggerer")

    def kill(self, role: str) -> None:
        """Send SIGKILL to a part of the stack and to all processes that it has started."""
        processes.kill(processes.find(self.layout.mark, role))
        child = self._children.pop(role)
        child.wait()

    def end(self) -> None:
        """End every process of the stack and remove its temporary files."""
        with unstoppable(self._say):
            self.layout.state.unlink(missing_ok=True)
            processes.end_all(self.layout.mark)
            for child in self._children.values():
                child.wait()
            for directory in (self.layout.scratch, self.layout.spark_work):
                shutil.rmtree(directory, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def password(self) -> str:
        """The password of Airflow's user admin."""
        return load_secrets(self.layout).password

    def api(self, addresses: Addresses) -> AirflowApi:
        return AirflowApi(addresses.airflow_url, "admin", self.password)

    def running(self) -> Addresses | None:
        """Return the addresses of the stack that make up keeps running on this workspace, or None without one."""
        addresses = read_readable(Addresses, self.layout.state)
        return addresses if addresses and processes.find(self.layout.mark, "scheduler") else None

    def leave_running(self, addresses: Addresses) -> None:
        """Write down the addresses, so that other commands find the stack when this one has ended."""
        write_private(self.layout.state, json.dumps(addresses.to_json()))

    def _prepare(self) -> None:
        """Make the directories, lock the workspace, and end what a killed command has left running."""
        workspace = self.layout.workspace
        try:
            for directory in (self.layout.root, self.layout.logs, self.layout.airflow_home):
                directory.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.layout.lock, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StackError(
                f"workspace {workspace}: it cannot be written ({error.strerror}); choose another with WORKSPACE="
            ) from None
        free = shutil.disk_usage(workspace).free
        if free < NEED_BYTES:
            raise StackError(
                f"workspace {workspace}: {free / 1e6:,.0f} MB are free, the stack needs 1,000; free some space, or "
                "choose another with WORKSPACE="
            )
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"workspace {workspace}: another make run or make up is using it; wait until it has ended, or choose "
                "another with WORKSPACE="
            ) from None
        processes.end_all(self.layout.mark)
        shutil.rmtree(self.layout.scratch, ignore_errors=True)
        self.layout.scratch.mkdir()

    def _start_spark(self, addresses: Addresses) -> None:
        self._start("master", master_command(self._environment, self.layout, addresses))
        for number in range(1, len(addresses.workers) + 1):
            self.start_worker(addresses, number)

    def start_worker(self, addresses: Addresses, number: int) -> None:
        """Start Spark worker `number`, from 1; it joins the master by itself."""
        command = worker_command(self._environment, self.layout, addresses, number, self.options.cores)
        self._start(f"worker-{number}", command)

    def _migrate(self) -> None:
        """Migrate Airflow's database to the version that is installed, unless that has been done."""
        done = self.layout.airflow_home / "migrated-to"
        wanted = version("apache-airflow-core")
        if done.exists() and done.read_text() == wanted:
            return
        if self._start_airflow(MIGRATION).wait():
            raise StackError(f"airflow {MIGRATION} failed; see {self._log(MIGRATION)}")
        done.write_text(wanted)

    def _start_airflow(self, role: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "airflow", *role.split()]
        if role in ("scheduler", "triggerer"):
            command.append("--skip-serve-logs")  # those servers would listen on every interface
        return self._start(role, command)

    def _start(self, role: str, command: list[str]) -> subprocess.Popen[bytes]:
        child = processes.start(role, command, self._environment, self._log(role))
        self._children[role] = child
        return child

    def _log(self, role: str) -> Path:
        return self.layout.logs / f"{role.replace(' ', '-')}.log"

    def _wait_until_ready(self, addresses: Addresses) -> None:
        deadline = time.monotonic() + READY_SECONDS
        waiting = "everything"
        with closing(self.api(addresses)) as api:
            while waiting:
                self.check_alive()
                if time.monotonic() > deadline:
                    raise StackError(f"{waiting} is not ready after {READY_SECONDS:.0f} s; see {self.layout.logs}")
                time.sleep(0.3)
                waiting = self._spark_not_ready(addresses) or api.not_ready()

    def check_alive(self) -> None:
        """Raise StackError when a process of the stack has ended by itself."""
        for role, child in self._children.items():
            if role != MIGRATION and child.poll() is not None:
                raise StackError(f"{role} ended with code {child.returncode}; see {self._log(role)}")

    def _spark_not_ready(self, addresses: Addresses) -> str:
        """Return the part of Spark that is not up yet, or nothing."""
        if "master" not in self._children:
            return ""
        workers = alive_workers(addresses)
        if workers is None:
            return "Spark master"
        return "Spark workers" if workers < self.options.workers else ""

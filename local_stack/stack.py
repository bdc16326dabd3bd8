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
from contextlib import closing, suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import httpx

from local_stack import processes
from local_stack.airflow_api import AirflowApi
from local_stack.layout import (
    Addresses,
    Layout,
    load_secrets,
    make_environment,
    take_addresses,
    write_private,
    write_spark_properties,
)
from local_stack.options import Options
from local_stack.ports import LOOPBACK, Ports
from local_stack.signals import unstoppable

READY_SECONDS = 180.0
NEED_BYTES = 1024**3
WORKER_MEMORY = "2g"


class StackError(Exception):
    """One line: what of the stack failed, why, and where to look."""


class Stack:
    """The processes of one workspace. `start` and `end` are each other's inverse; a workspace has one stack."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self.options = options
        self.layout = Layout(options.workspace)
        self._say = say
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._lock: int | None = None
        self._environment: dict[str, str] = {}

    def start(self, start_date: str) -> Addresses:
        """Returns when Airflow and Spark are up. Raises StackError with nothing left running.

        start_date: the first day that the schedule may run.
        """
        self._prepare()
        self._say("starting Spark and Airflow")
        ports = Ports()
        addresses = take_addresses(ports, self.options.workers)
        for note in ports.notes:
            self._say(note)
        self._environment = make_environment(self.layout, self.options, addresses, start_date)
        write_spark_properties(self.layout)
        try:
            if "AIRFLOW_CONN_SPARK_DEFAULT" not in os.environ:
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
        """As after a crash: the old one is killed, a new one takes its triggers over."""
        self.kill("triggerer")
        self._start_airflow("triggerer")

    def kill(self, role: str) -> None:
        """kill -9 for a part of the stack with all that it started."""
        processes.kill(processes.find(self.layout.mark, role))
        child = self._children.pop(role)
        child.wait()

    def end(self) -> None:
        """Ends every process of the stack and removes what only they needed."""
        with unstoppable(self._say):
            self.layout.state.unlink(missing_ok=True)
            processes.end_all(self.layout.mark)
            for child in self._children.values():
                child.wait()
            for directory in (self.layout.scratch, self.layout.root / "spark-work"):
                shutil.rmtree(directory, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def password(self) -> str:
        """Of the user admin."""
        return load_secrets(self.layout)["password"]

    def api(self, addresses: Addresses) -> AirflowApi:
        return AirflowApi(addresses.airflow_url, "admin", self.password)

    def running(self) -> Addresses | None:
        """The addresses of the stack that make up has left running on this workspace; else None."""
        with suppress(OSError, ValueError, TypeError):
            record = json.loads(self.layout.state.read_text())
            if processes.find(self.layout.mark, "scheduler"):
                return Addresses(**{**record, "workers": tuple(record["workers"])})
        return None

    def leave_running(self, addresses: Addresses) -> None:
        """Lets the processes outlive this one, and others find them."""
        write_private(self.layout.state, json.dumps(asdict(addresses)))

    def _prepare(self) -> None:
        workspace = self.layout.workspace
        try:
            for directory in (self.layout.root, self.layout.logs, self.layout.airflow_home):
                directory.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.layout.lock, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StackError(
                f"workspace {workspace}: cannot be written ({error.strerror}); choose another with WORKSPACE="
            ) from None
        free = shutil.disk_usage(workspace).free
        if free < NEED_BYTES:
            raise StackError(
                f"workspace {workspace}: {free / 1e6:,.0f} MB are free, the stack needs 1,000; make room, or choose "
                "another with WORKSPACE="
            )
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"workspace {workspace}: another make run or make up is at work on it; wait for it, or choose "
                "another with WORKSPACE="
            ) from None
        processes.end_all(self.layout.mark)  # what a killed run may have left
        shutil.rmtree(self.layout.scratch, ignore_errors=True)
        self.layout.scratch.mkdir()

    def _start_spark(self, addresses: Addresses) -> None:
        master = ["master.Master", "--host", LOOPBACK, "--port", str(addresses.master)]
        self._start_spark_class("master", [*master, "--webui-port", str(addresses.master_web)])
        for number in range(1, len(addresses.workers) + 1):
            self.start_worker(addresses, number)

    def start_worker(self, addresses: Addresses, number: int) -> None:
        """Starts Spark worker `number`, from 1; it joins the master by itself."""
        size = ["--cores", str(self.options.cores), "--memory", WORKER_MEMORY]
        worker = ["worker.Worker", "--host", LOOPBACK, "--webui-port", str(addresses.workers[number - 1]), *size]
        self._start_spark_class(f"worker-{number}", worker, addresses.master_url)

    def _start_spark_class(self, role: str, words: list[str], *last: str) -> None:
        spark_class = str(Path(self._environment["SPARK_HOME"]) / "bin" / "spark-class")
        properties = ["--properties-file", str(self.layout.spark_properties)]
        self._start(role, [spark_class, f"org.apache.spark.deploy.{words[0]}", *words[1:], *properties, *last])

    def _migrate(self) -> None:
        """Brings Airflow's database to the version that is installed; does nothing when it is there."""
        done = self.layout.airflow_home / "migrated-to"
        wanted = version("apache-airflow-core")
        if done.exists() and done.read_text() == wanted:
            return
        migration = self._start_airflow("db migrate")
        code = migration.wait()
        if code:
            raise StackError(f"airflow db migrate failed; see {self._log('db migrate')}")
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
        """Raises StackError when a process of the stack has ended by itself."""
        for role, child in self._children.items():
            if role != "db migrate" and child.poll() is not None:
                raise StackError(f"{role} ended with code {child.returncode}; see {self._log(role)}")

    def _spark_not_ready(self, addresses: Addresses) -> str:
        """What of Spark is not up yet, or nothing."""
        if "master" in self._children:
            try:
                state = httpx.get(f"{addresses.master_web_url}/json/", timeout=5).json()
            except (httpx.HTTPError, ValueError):
                return "Spark master"
            if state["aliveworkers"] < self.options.workers:
                return "Spark workers"
        return ""

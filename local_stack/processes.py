"""The processes of a stack: each has a session of its own and is found by a mark in its environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "BATCH_PREDICTIONS_STACK"
ROLE = "BATCH_PREDICTIONS_ROLE"
TERMINATE_SECONDS = 15.0
KILL_SECONDS = 10.0


def start(role: str, command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that Ctrl-C in the terminal does not reach it."""
    # SPT_NOENV: setproctitle, which Airflow uses, must not overwrite the environment, or `find` cannot read it.
    environment = {**environment, ROLE: role, "SPT_NOENV": "1"}
    with open(log, "ab") as output:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def find(mark: str, role: str | None = None) -> list[psutil.Process]:
    """Return every process of this user whose environment has the mark and the role, descendants included.

    Airflow hides the environment of its executors from all users except root. Such a process has its parent's role.
    """
    roles: dict[int, str | None] = {}
    found, hidden = [], []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.AccessDenied:
            hidden.append(process)
        except (psutil.Error, OSError):
            continue
        else:
            if environment.get(MARK) == mark:
                roles[process.pid] = environment.get(ROLE)
                found.append(process)
    for process in hidden:  # sorted by id, so parents come first
        with suppress(psutil.Error):
            parent = process.ppid()
            if parent in roles:
                roles[process.pid] = roles[parent]
                found.append(process)
    return [process for process in found if role in (None, roles[process.pid])]


def kill(processes: Iterable[psutil.Process]) -> None:
    """Send SIGKILL to the processes that still run."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def end_all(mark: str) -> None:
    """End every process of the stack. Tasks are killed; the next start resumes them.

    Airflow's scheduler is terminated first, so that it records its tasks as interrupted and not as failed.
    """
    known = set(find(mark))  # without their parents, processes that hide their environment are no longer found
    scheduler = find(mark, "scheduler")
    for process in scheduler:
        if _leads_session(process):
            _terminate(process)
    kill(process for process in scheduler if not _leads_session(process))
    rest = find(mark)
    for process in rest:
        _terminate(process)
    psutil.wait_procs(rest, timeout=TERMINATE_SECONDS)
    while left := {*find(mark), *filter(_is_alive, known)}:  # with those that were started in the meantime
        kill(left)
        psutil.wait_procs(left, timeout=KILL_SECONDS)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _terminate(process: psutil.Process) -> None:
    try:
        process.terminate()
    except psutil.NoSuchProcess:
        return


def _leads_session(process: psutil.Process) -> bool:
    try:
        return bool(os.getsid(process.pid) == process.pid)
    except OSError:
        return False

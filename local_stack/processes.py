"""The processes of a stack: started in sessions of their own, found by a mark in their environment, ended by id."""

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
    """Starts a process in a session of its own, so that Ctrl-C in the terminal does not reach it."""
    # SPT_NOENV: processes that give themselves a title keep their environment readable.
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
    """Every process of this user whose environment carries the mark, and the role: children's children as well.

    Airflow hides the environment of its executors from all but root. What hides it belongs to its parent's part.
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
    for process in hidden:  # in the order of their ids: parents first
        with suppress(psutil.Error):
            parent = process.ppid()
            if parent in roles:
                roles[process.pid] = roles[parent]
                found.append(process)
    return [process for process in found if role in (None, roles[process.pid])]


def kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def end_all(mark: str) -> None:
    """Ends every process of the stack. Tasks are killed at once: what they were at is resumed by the next start.

    Airflow's scheduler is told first, so that it takes its tasks for interrupted and not for failed.
    """
    known = set(find(mark))  # once their parents are gone, those that hide their environment are not found any more
    scheduler = find(mark, "scheduler")
    for process in scheduler:
        if _leads_session(process):
            _terminate(process)
    kill(process for process in scheduler if not _leads_session(process))
    rest = find(mark)
    for process in rest:
        _terminate(process)
    psutil.wait_procs(rest, timeout=TERMINATE_SECONDS)
    while left := {*find(mark), *filter(_is_alive, known)}:  # whatever was started meanwhile, too
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

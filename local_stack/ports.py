"""Ports on loopback: the wanted one, or another free one and who holds the first."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

import psutil

LOOPBACK = "127.0.0.1"


class Ports:
    """Hands out each port once, also to stacks that start at the same moment.

    A server binds its port seconds after it was chosen. Until `release`, each port is reserved by a lock on the
    byte of its number in one file that all stacks of this user share.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        """One line for each wanted port that was taken."""
        self._given: set[int] = set()  # the lock keeps others off a port, not this process
        self._reservations = os.open(_reservations_file(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def take(self, wanted: int, purpose: str) -> int:
        if is_free(wanted) and self._reserve(wanted):
            return wanted
        port = self._any_free()
        owner = owner_of(wanted) or " by another stack that is starting"
        self.notes.append(f"port {wanted} is taken{owner}, using {port} for the {purpose}")
        return port

    def release(self) -> None:
        """Call it when the servers are up."""
        os.close(self._reservations)

    def _any_free(self) -> int:
        while True:
            with socket.socket() as probe:
                probe.bind((LOOPBACK, 0))
                port = int(probe.getsockname()[1])
            if self._reserve(port):
                return port

    def _reserve(self, port: int) -> bool:
        if port in self._given:
            return False
        try:
            fcntl.lockf(self._reservations, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        self._given.add(port)
        return True


def _reservations_file() -> Path:
    return Path(tempfile.gettempdir()) / f"batch-predictions-{os.getuid()}.ports"


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def owner_of(port: int) -> str:
    """` by name (pid 1)`, ` by another user's process`, or nothing when nobody listens there."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                if connection.pid is None:
                    return " by another user's process"
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return " by a process that cannot be named"
    return ""

"""Free ports on loopback: the default one, or another when a process listens there already."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

import psutil

LOOPBACK = "127.0.0.1"


@dataclass
class Ports:
    """The ports of one stack, each given once. notes: one line for each default port that was taken."""

    notes: list[str] = field(default_factory=list)
    _given: set[int] = field(default_factory=set)

    def take(self, default: int, purpose: str) -> int:
        """Return `default`, or another free port with a note of who listens on that one."""
        if default not in self._given and is_free(default):
            self._given.add(default)
            return default
        port = self.take_any()
        self.notes.append(f"port {default} is taken{owner_of(default)}, using {port} for the {purpose}")
        return port

    def take_any(self) -> int:
        """Return a port that the system chooses."""
        while True:
            with socket.socket() as probe:
                probe.bind((LOOPBACK, 0))
                port = int(probe.getsockname()[1])
            if port not in self._given:
                self._given.add(port)
                return port


def is_free(port: int) -> bool:
    """Return whether a server can listen on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def owner_of(port: int) -> str:
    """Return ` by name (pid 1)`, ` by another user's process`, or nothing when no process listens on `port`."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                if connection.pid is None:
                    return " by another user's process"
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return " by a process that cannot be named"
    return ""

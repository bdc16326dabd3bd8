"""A stack gets the default ports, or others when they are taken; no port twice."""

from __future__ import annotations

import socket

from local_stack.ports import LOOPBACK, Ports


def free_port() -> int:
    return Ports().take_any()


def test_a_free_port_is_given_once() -> None:
    ports, default = Ports(), free_port()
    assert ports.take(default, "first") == default
    assert ports.take(default, "second") != default


def test_the_owner_of_a_taken_port_is_named() -> None:
    ports = Ports()
    with socket.create_server((LOOPBACK, 0)) as server:
        default = server.getsockname()[1]
        assert ports.take(default, "web page") != default
    (note,) = ports.notes
    assert note.startswith(f"port {default} is taken by ")
    assert note.endswith(" for the web page")


def test_a_port_in_time_wait_is_free() -> None:
    """A stack that starts right after another one has ended gets the same addresses."""
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # the side that closes first keeps the port in TIME_WAIT
            client.recv(1)
    ports = Ports()
    assert ports.take(port, "web page") == port
    assert ports.notes == []

"""No port is given twice: not by one stack, not by two that start at the same moment."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from local_stack.ports import LOOPBACK, Ports
from tests.integration.commands import REPOSITORY, project_path

TAKE = "import sys; from local_stack.ports import Ports; print(Ports().take(int(sys.argv[1]), 'test'))"


@pytest.fixture
def ports() -> Iterator[Ports]:
    handed_out = Ports()
    yield handed_out
    handed_out.release()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def test_a_free_port_is_given_once(ports: Ports) -> None:
    wanted = free_port()
    assert ports.take(wanted, "first") == wanted
    assert ports.take(wanted, "second") != wanted


def test_a_port_that_another_process_has_reserved_is_not_taken(ports: Ports) -> None:
    wanted = ports.take(free_port(), "first")
    command = [sys.executable, "-c", TAKE, str(wanted)]
    other = subprocess.run(command, cwd=REPOSITORY, env=project_path(), capture_output=True, text=True, check=True)
    assert int(other.stdout) != wanted


def test_the_owner_of_a_taken_port_is_named(ports: Ports) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        wanted = server.getsockname()[1]
        assert ports.take(wanted, "web page") != wanted
    (note,) = ports.notes
    assert note.startswith(f"port {wanted} is taken by ")
    assert note.endswith(" for the web page")

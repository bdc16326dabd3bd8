"""The Spark master of the connection spark_default, and its capacity."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from batch_predictions.spark_master import Capacity, SparkMaster, check_reachable, find_capacity
from run_contract.errors import TemporaryError

WORKERS = [
    {"state": "ALIVE", "cores": 4},
    {"state": "DEAD", "cores": 64},
    {"state": "ALIVE", "cores": 8},
    {"state": "ALIVE", "cores": 2},
]


class Page(BaseHTTPRequestHandler):
    """Serves the server's `body` at /json/, as a standalone master does."""

    def do_GET(self) -> None:
        body: bytes = getattr(self.server, "body", b"")
        self.send_response(200 if self.path == "/json/" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name in the base class)
        pass


@pytest.fixture
def web_page() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def master_of(server: ThreadingHTTPServer, body: Any) -> SparkMaster:
    server.body = body if isinstance(body, bytes) else json.dumps(body).encode()  # type: ignore[attr-defined]
    return SparkMaster("spark://127.0.0.1:7077", server.server_port)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("spark://one:7078", [("one", 7078)]),
        ("spark://one", [("one", 7077)]),
        ("spark://one:7077,two:7078", [("one", 7077), ("two", 7078)]),
        ("spark://10.0.0.1,two.example.org:1,three", [("10.0.0.1", 7077), ("two.example.org", 1), ("three", 7077)]),
        ("yarn", []),
        ("local[2]", []),
        ("k8s://https://host:6443", []),
    ],
)
def test_the_addresses_of_a_master(url: str, addresses: list[tuple[str, int]]) -> None:
    assert SparkMaster(url).addresses == addresses


@pytest.mark.parametrize(
    ("workers", "capacity"),
    [
        (None, Capacity(3, 14, 2)),
        (1, Capacity(1, 2, 2)),
        (2, Capacity(2, 4, 2)),
        (9, Capacity(3, 14, 2)),
    ],
)
def test_the_capacity_is_that_of_the_workers_alive(
    workers: int | None, capacity: Capacity, web_page: ThreadingHTTPServer
) -> None:
    assert find_capacity(master_of(web_page, {"workers": WORKERS}), workers) == capacity


@pytest.mark.parametrize(
    "body",
    [
        {"workers": []},
        {"workers": [{"state": "DEAD", "cores": 4}]},
        b"<html>another program</html>",
        b"",
        {"status": "another program"},
        [],
        {"workers": [{"state": "ALIVE"}]},
    ],
)
def test_without_a_usable_web_page_the_capacity_is_unknown(body: Any, web_page: ThreadingHTTPServer) -> None:
    assert find_capacity(master_of(web_page, body), None) is None


def test_the_capacity_is_unknown_if_the_port_does_not_speak_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"220 mail.example.org ESMTP\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert find_capacity(SparkMaster("spark://127.0.0.1", server.getsockname()[1]), None) is None
        thread.join()


def test_the_capacity_is_unknown_without_a_web_page_or_a_standalone_master() -> None:
    assert find_capacity(SparkMaster("spark://127.0.0.1", closed_port()), None) is None
    assert find_capacity(SparkMaster("yarn"), 3) is None


def test_the_second_master_is_asked_when_the_first_does_not_answer(web_page: ThreadingHTTPServer) -> None:
    master = master_of(web_page, {"workers": WORKERS})
    both = SparkMaster("spark://no-such-host.invalid:7077,127.0.0.1:7077", master.web_ui_port)
    assert find_capacity(both, None) == Capacity(3, 14, 2)


def test_a_master_that_does_not_answer_is_a_temporary_error() -> None:
    master = SparkMaster(f"spark://127.0.0.1:{closed_port()}")
    with pytest.raises(TemporaryError, match="it does not answer") as error:
        check_reachable(master)
    assert master.url in str(error.value)
    assert "spark_default" in str(error.value)


def test_one_master_that_answers_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_reachable(SparkMaster(f"spark://127.0.0.1:{closed_port()},127.0.0.1:{server.getsockname()[1]}"))


@pytest.mark.parametrize("url", ["yarn", "local[2]", "k8s://https://host.invalid:6443"])
def test_other_cluster_managers_are_not_asked(url: str) -> None:
    check_reachable(SparkMaster(url))

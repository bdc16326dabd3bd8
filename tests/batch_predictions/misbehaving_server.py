"""A real HTTP server on 127.0.0.1 with scripted answers, good and bad."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Answer = Callable[["Handler"], None]


class Ending(Enum):
    """What happens to the connection after the last byte."""

    CLOSE = "close"
    RESET = "reset"
    STALL = "stall"


@dataclass
class MisbehavingServer:
    """Gives its answers in turn, repeats the last one, and keeps the requests."""

    url: str
    answers: list[Answer]
    requests: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_answer(self, headers: dict[str, str]) -> Answer:
        with self.lock:
            self.requests.append(headers)
            return self.answers[min(len(self.requests), len(self.answers)) - 1]


class Handler(BaseHTTPRequestHandler):
    """One connection: one request, one answer."""

    protocol_version = "HTTP/1.1"
    owner: MisbehavingServer

    def do_GET(self) -> None:
        self.close_connection = True
        with suppress(ConnectionError):  # some tests let the client hang up
            self.owner.next_answer({name.lower(): value for name, value in self.headers.items()})(self)
            self.wfile.flush()

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self.owner.statuses.append(status)
        self.send_response(status)
        for name, value in {"Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def end(self, ending: Ending) -> None:
        self.wfile.flush()
        if ending is Ending.RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif ending is Ending.STALL:
            self.connection.recv(1)  # returns when the client hangs up

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for every answer

    def shutdown_request(self, request: object) -> None:
        """Close without a shutdown, so that SO_LINGER 0 causes a reset."""
        assert isinstance(request, socket.socket)
        request.close()


@contextmanager
def serve(*answers: Answer) -> Iterator[MisbehavingServer]:
    """Run a server with these answers for the block."""

    class Owned(Handler):
        pass

    with pytest.MonkeyPatch.context() as patch, _Server(("127.0.0.1", 0), Owned) as http:
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, "127.0.0.1")
        owner = MisbehavingServer(f"http://127.0.0.1:{http.server_port}/data.zip", list(answers))
        Owned.owner = owner
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield owner
        finally:
            http.shutdown()
            thread.join()


def reply(
    status: int,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    length: int | None = None,
    ending: Ending = Ending.CLOSE,
) -> Answer:
    """Answer this, whatever was requested. length: a Content-Length other than that of the body."""

    def answer(handler: Handler) -> None:
        given = headers or {}
        known = {} if "Transfer-Encoding" in given else {"Content-Length": str(len(body) if length is None else length)}
        handler.begin(status, known | given)
        handler.wfile.write(body)
        handler.end(ending)

    return answer


def redirect(location: str) -> Answer:
    return reply(302, headers={"Location": location})


def resource(
    content: bytes,
    etag: str | None = None,
    last_modified: str | None = None,
    cut: int | None = None,
    ending: Ending = Ending.CLOSE,
) -> Answer:
    """Answer as a good server does for `content`, with Range, If-Range and conditional requests.

    cut: how many bytes of the body are sent before the `ending`.
    """
    validators = {
        name: value for name, value in (("ETag", etag), ("Last-Modified", last_modified)) if value is not None
    }

    def answer(handler: Handler) -> None:
        asked = {name.lower(): value for name, value in handler.headers.items()}
        unchanged = asked["if-none-match"] == etag if "if-none-match" in asked else None
        if unchanged is None and "if-modified-since" in asked:
            unchanged = asked["if-modified-since"] == last_modified
        if unchanged:
            handler.begin(304, validators)
            return
        start = int(asked["range"].removeprefix("bytes=").rstrip("-")) if "range" in asked else None
        if asked.get("if-range") not in (None, *validators.values()):
            start = None
        if start is not None and start >= len(content):
            handler.begin(416, {"Content-Length": "0", "Content-Range": f"bytes */{len(content)}"})
            return
        body = content[start:]
        part = {} if start is None else {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        reply(200 if start is None else 206, body[:cut], validators | part, len(body), ending)(handler)

    return answer


def endless(pause_seconds: float = 0.0) -> Answer:
    """Send a body without a length until the client hangs up, at most 10 MB."""

    def answer(handler: Handler) -> None:
        handler.begin(200, {})
        never = threading.Event()
        for _ in range(10_000):
            handler.wfile.write(b"x" * 1024)
            never.wait(pause_seconds)

    return answer

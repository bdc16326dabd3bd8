"""A mail server and a web hook on loopback that accept messages, refuse them, or never answer."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


@dataclass
class Inbox:
    """What a server received.

    address: host and port. tries: attempts to deliver. messages: those that were accepted.
    """

    address: str = ""
    refusals: int = 0
    tries: int = 0
    messages: list[Any] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    hangs: bool = False

    def take(self) -> bool:
        """Count one try and return whether it is accepted. A server that hangs answers nobody before it is closed."""
        self.tries += 1
        if self.hangs:
            self.released.wait(30)
        return self.tries > self.refusals


@contextmanager
def web_hook(refusals: int = 0, hangs: bool = False) -> Iterator[Inbox]:
    """Serve a web hook that answers 500 to the first `refusals` requests."""
    inbox = Inbox(refusals=refusals, hangs=hangs)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            accepted = inbox.take()
            if accepted:
                inbox.messages.append(json.loads(body))
            self.send_response(200 if accepted else 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with _serving(HTTPServer(("127.0.0.1", 0), Handler), inbox):
        yield inbox


@contextmanager
def mail_server(refusals: int = 0, hangs: bool = False) -> Iterator[Inbox]:
    """Serve the least of SMTP (RFC 5321) that a client needs; refuse the first `refusals` messages."""
    inbox = Inbox(refusals=refusals, hangs=hangs)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 ready")
            while line := self.rfile.readline():
                verb = line.split(maxsplit=1)[0].upper()
                if verb == b"DATA":
                    self._say("354 go on")
                    message = b"".join(iter(self.rfile.readline, b".\r\n")).decode()
                    accepted = inbox.take()
                    if accepted:
                        inbox.messages.append(message)
                    self._say("250 taken" if accepted else "451 not now")
                elif verb == b"QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 fine")

        def _say(self, answer: str) -> None:
            self.wfile.write(f"{answer}\r\n".encode())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with _serving(Server(("127.0.0.1", 0), Handler), inbox):
        yield inbox


@contextmanager
def _serving(server: socketserver.TCPServer, inbox: Inbox) -> Iterator[None]:
    host, port = server.server_address[:2]
    inbox.address = f"{host!s}:{port}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield
    finally:
        inbox.released.set()
        server.shutdown()
        thread.join(30)
        server.server_close()

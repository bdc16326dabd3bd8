"""The client of Airflow's API, against a server that fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from local_stack import airflow_api
from local_stack.airflow_api import AirflowApi, ApiError

LOCKED = {"detail": {"reason": "Database error", "orig_error": "database is locked"}}


@dataclass
class Failing:
    """Answers with each of `codes` once, then always with the last; logins always succeed."""

    codes: list[int]
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        if path == "/auth/token":
            return 201, {"access_token": "t"}
        self.asked.append(method)
        code = self.codes[min(len(self.asked), len(self.codes)) - 1]
        return code, {"dag_runs": []} if code == 200 else LOCKED


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Failing]:
    monkeypatch.setattr(airflow_api, "POLL_SECONDS", 0.01)
    failing = Failing([500, 503, 200])

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            code, body = failing.answer(self.command, self.path)
            content = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = reply  # noqa: N815 (names of the standard library)

        def log_message(self, *_: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        failing.url = f"http://127.0.0.1:{http.server_port}"
        Thread(target=http.serve_forever, daemon=True).start()
        yield failing
        http.shutdown()


def test_a_request_is_sent_again_when_the_server_fails(server: Failing) -> None:
    with closing(AirflowApi(server.url, "admin", "p")) as api:
        assert api.unfinished_runs() == []
        server.codes.extend([500, 200])
        api.unpause()
    assert server.asked == ["GET"] * 3 + ["PATCH"] * 2


def test_a_server_that_keeps_failing_is_given_up(server: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_api, "PATIENCE_SECONDS", 0.1)
    server.codes = [500]
    with closing(AirflowApi(server.url, "admin", "p")) as api, pytest.raises(ApiError, match="database is locked"):
        api.unpause()
    assert len(server.asked) > 1


@pytest.mark.parametrize("code", [500, 404])
def test_the_request_for_a_run_is_sent_once(code: int, server: Failing) -> None:
    """The server may have made the run before it failed."""
    server.codes = [code, 200]
    with closing(AirflowApi(server.url, "admin", "p")) as api, pytest.raises(ApiError):
        api.trigger({})
    assert server.asked == ["POST"]


def test_a_refusal_is_final(server: Failing) -> None:
    server.codes = [404, 200]
    with closing(AirflowApi(server.url, "admin", "p")) as api, pytest.raises(ApiError):
        api.unpause()
    assert server.asked == ["PATCH"]

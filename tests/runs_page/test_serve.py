"""The pages are imported at their first request, without blocking other requests."""

from __future__ import annotations

import asyncio
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

import runs_page
from tests.helpers import PATIENCE


def test_the_api_server_answers_others_during_the_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    others_were_served, asked = Event(), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append((scope, receive, send))

    def import_slowly(name: str) -> Any:
        assert name == "runs_page.app"
        assert others_were_served.wait(PATIENCE)
        return SimpleNamespace(app=app)

    async def serve_two() -> None:
        first = asyncio.create_task(runs_page.serve("scope", "receive", "send"))
        await asyncio.sleep(0)
        others_were_served.set()
        await first

    monkeypatch.setattr(runs_page, "import_module", import_slowly)
    asyncio.run(serve_two())
    assert asked == [("scope", "receive", "send")]

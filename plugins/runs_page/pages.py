"""Templates to pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from runs_page.access import DAG_ID
from runs_page.wording import FILTERS


@cache
def environment() -> Environment:
    """Escapes whatever is put in, and refuses a name that is not there."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(FILTERS)
    return templates


def render(request: Request, template: str, status_code: int = 200, **context: Any) -> HTMLResponse:
    """A page; in its template url("runs", run_id) is the address of a page of the DAG."""
    text = environment().get_template(template).render(url=address_below(request), **context)
    return HTMLResponse(text, status_code)


def address_below(request: Request) -> Callable[..., str]:
    """The function url(*parts): the address of parts below the DAG's pages, each of them quoted."""
    root = f"{request.scope.get('root_path', '')}/dags/{DAG_ID}"
    return lambda *parts: "/".join([root, *(quote(str(part), safe="") for part in parts)])

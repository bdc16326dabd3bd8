"""From templates and plots to HTTP responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from runs_page.access import DAG_ID
from runs_page.plot_catalog import PlotSpec, make_plot
from runs_page.templating import environment

PLOT_HEADERS = {
    "Cache-Control": "private, max-age=3600",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",  # matplotlib's own styles
}


def render(request: Request, template: str, status_code: int = 200, **context: Any) -> HTMLResponse:
    """Render a page. In its template url("runs", run_id) is the address of a page of the DAG."""
    text = environment().get_template(template).render(url=address_below(request), **context)
    return HTMLResponse(text, status_code)


def address_below(request: Request) -> Callable[..., str]:
    """Return the function url(*parts): the address of the quoted parts below the DAG's pages."""
    root = f"{request.scope.get('root_path', '')}/dags/{DAG_ID}"
    return lambda *parts: "/".join([root, *(quote(str(part), safe="") for part in parts)])


def render_plot(specs: Mapping[str, PlotSpec], name: str, source: Any, theme: str, size: str) -> Response:
    """Render a plot. Its address contains its version, so that browsers may cache it.

    Raises HTTPException with 404 for an unknown plot, and for one without data or with data that cannot be drawn.
    """
    if name not in specs:
        raise HTTPException(404, "There is no such plot.")
    plot = make_plot(specs, name, source)
    svg = plot.svg(theme, size) if plot else ""
    if not svg:
        raise HTTPException(404, "There is nothing to draw.")
    return Response(svg, media_type="image/svg+xml", headers=PLOT_HEADERS)

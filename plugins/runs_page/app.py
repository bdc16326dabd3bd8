"""The application: access, headers and routes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from runs_page import assets, gallery_view, history_view, run_view
from runs_page.access import ACCESS
from runs_page.pages import render

HEADERS = {
    # No script, style, image or request from elsewhere, and no script or style inside the page.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}

app = FastAPI(title="Batch predictions", docs_url=None, redoc_url=None, openapi_url=None, dependencies=ACCESS)
app.include_router(run_view.router)
app.include_router(gallery_view.router)
app.include_router(history_view.router)
app.include_router(assets.router)


@app.middleware("http")
async def add_headers(request: Request, call_next: Any) -> Response:
    """Add HEADERS to each response. A header that the route has set stays."""
    response: Response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


@app.exception_handler(HTTPException)
async def explain(request: Request, error: HTTPException) -> Response:
    """Answer with a page for people: Airflow shows it in a frame."""
    status = HTTPStatus(error.status_code)
    detail = "" if error.detail == status.phrase else error.detail
    return render(request, "error.html.j2", status_code=status, status=status, detail=detail)

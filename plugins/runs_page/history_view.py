"""The page of all runs."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from runs_page.pages import render

router = APIRouter()


@router.get("/dags/{dag_id}/history")
def show_history(request: Request) -> Response:
    return render(request, "history.html.j2", run=None)

"""The page of one run."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from runs_page.access import RunOfDag
from runs_page.pages import render

router = APIRouter()


@router.get("/dags/{dag_id}/runs/{run_id}")
def show_run(request: Request, run: RunOfDag) -> Response:
    return render(request, "run.html.j2", run=run)

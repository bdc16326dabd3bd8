"""The page of one run, which fetches its figures again while the run is in progress."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response

from runs_page.access import RunDep, TasksDep
from runs_page.page_model import make_page_model
from runs_page.pages import render, render_plot
from runs_page.plot_catalog import RUN_PLOTS
from runs_page.run_data import RunData, read_run_data

router = APIRouter(prefix="/dags/{dag_id}/runs/{run_id}")


def find_run_data(run: RunDep, tasks: TasksDep) -> RunData:
    return read_run_data(run.paths, run.workspace, run.state, tasks)


RunDataDep = Annotated[RunData, Depends(find_run_data)]


@router.get("")
def show_run(request: Request, run: RunDep, run_data: RunDataDep) -> Response:
    return render(request, "run.html.j2", run=run, page_model=make_page_model(run_data))


@router.get("/figures")
def show_figures(request: Request, run: RunDep, run_data: RunDataDep) -> Response:
    """Send the figures alone, or 304 when the browser has them."""
    page = render(request, "figures.html.j2", run=run, page_model=make_page_model(run_data))
    etag = f'"{hashlib.sha256(page.body).hexdigest()[:16]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    page.headers["ETag"] = etag
    return page


@router.get("/plots/{name}.svg")
def show_plot(
    name: str,
    run_data: RunDataDep,
    theme: Literal["light", "dark"] = "light",
    size: Literal["narrow", "wide", "full"] = "wide",
) -> Response:
    return render_plot(RUN_PLOTS, name, run_data, theme, size)

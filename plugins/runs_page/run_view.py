"""The page of one run: while it goes, it fetches its figures again."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from runs_page.access import RunOfDag, StagesOfRun
from runs_page.catalogue import RUN_PLOTS
from runs_page.page_model import tell
from runs_page.pages import render, render_plot
from runs_page.run_data import Scene, read_scene

router = APIRouter(prefix="/dags/{dag_id}/runs/{run_id}")


def find_scene(run: RunOfDag, stages: StagesOfRun) -> Scene:
    return read_scene(run.paths, run.workspace, run.state, stages)


SceneOfRun = Annotated[Scene, Depends(find_scene)]


@router.get("")
def show_run(request: Request, run: RunOfDag, scene: SceneOfRun) -> Response:
    return render(request, "run.html.j2", run=run, story=tell(scene))


@router.get("/figures")
def show_figures(request: Request, run: RunOfDag, scene: SceneOfRun) -> Response:
    """The figures alone; 304 while they are the same."""
    page = render(request, "figures.html.j2", run=run, story=tell(scene))
    etag = f'"{hashlib.sha256(page.body).hexdigest()[:16]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    page.headers["ETag"] = etag
    return page


@router.get("/plots/{name}.svg")
def show_plot(
    name: str,
    scene: SceneOfRun,
    theme: Literal["light", "dark"] = "light",
    size: Literal["narrow", "wide", "full"] = "wide",
) -> Response:
    if name not in RUN_PLOTS:
        raise HTTPException(404, "There is no such plot.")
    return render_plot(RUN_PLOTS, name, scene, theme, size)

"""The page of all runs."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, HTTPException, Request, Response

from runs_page.access import RunIds, WorkspaceDep
from runs_page.catalogue import HISTORY_PLOTS, find_plots
from runs_page.outlook import COLUMNS, outlook_of, rows_of
from runs_page.pages import render, render_plot
from runs_page.records import read_lines

PLOTTED_RUNS = 90

router = APIRouter(prefix="/dags/{dag_id}")


@router.get("/history")
def show_history(request: Request, workspace: WorkspaceDep, run_ids: RunIds) -> Response:
    lines = read_lines(workspace.history)
    return render(
        request,
        "history.html.j2",
        run=None,
        answer=outlook_of(lines),
        columns=COLUMNS,
        rows=rows_of(lines, run_ids),
        plots=find_plots(HISTORY_PLOTS, lines[-PLOTTED_RUNS:]),
    )


@router.get("/plots/{name}.svg")
def show_plot(
    name: str,
    workspace: WorkspaceDep,
    theme: Literal["light", "dark"] = "light",
    size: Literal["narrow", "wide", "full"] = "wide",
) -> Response:
    if name not in HISTORY_PLOTS:
        raise HTTPException(404, "There is no such plot.")
    return render_plot(HISTORY_PLOTS, name, read_lines(workspace.history, PLOTTED_RUNS), theme, size)

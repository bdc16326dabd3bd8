"""The page of all runs."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, HTTPException, Request, Response

from runs_page.access import RunIdsDep, WorkspaceDep
from runs_page.history_model import COLUMNS, make_history_headline, make_history_rows
from runs_page.pages import render, render_plot
from runs_page.plot_catalog import HISTORY_PLOTS, make_plots
from runs_page.records import read_lines

PLOTTED_RUNS = 90

router = APIRouter(prefix="/dags/{dag_id}")


@router.get("/history")
def show_history(request: Request, workspace: WorkspaceDep, run_ids: RunIdsDep) -> Response:
    lines = read_lines(workspace.history)
    return render(
        request,
        "history.html.j2",
        run=None,
        headline=make_history_headline(lines),
        columns=COLUMNS,
        rows=make_history_rows(lines, run_ids),
        plots=make_plots(HISTORY_PLOTS, lines[-PLOTTED_RUNS:]),
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

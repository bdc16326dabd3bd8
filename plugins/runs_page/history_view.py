"""The page of all runs."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response

from run_contract.records.history import HistoryRecord
from runs_page.access import RunIdsDep, WorkspaceDep
from runs_page.history_model import COLUMNS, make_history_headline, make_history_rows
from runs_page.pages import render, render_plot
from runs_page.plot_catalog import HISTORY_PLOTS, make_plots
from runs_page.run_data import read_lines

PLOTTED_RUNS = 90

router = APIRouter(prefix="/dags/{dag_id}")


@router.get("/history")
def show_history(request: Request, workspace: WorkspaceDep, run_ids: RunIdsDep) -> Response:
    damaged: list[str] = []
    history = read_lines(HistoryRecord, workspace.history, damaged)
    return render(
        request,
        "history.html.j2",
        run=None,
        headline=make_history_headline(history),
        damaged=damaged,
        columns=COLUMNS,
        rows=make_history_rows(history, run_ids),
        plots=make_plots(HISTORY_PLOTS, history[-PLOTTED_RUNS:]),
    )


@router.get("/plots/{name}.svg")
def show_plot(
    name: str,
    workspace: WorkspaceDep,
    theme: Literal["light", "dark"] = "light",
    size: Literal["narrow", "wide", "full"] = "wide",
) -> Response:
    history = read_lines(HistoryRecord, workspace.history, [])
    return render_plot(HISTORY_PLOTS, name, history[-PLOTTED_RUNS:], theme, size)

"""Write the page of a run as one self-contained file, to send by mail or to archive."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

from markupsafe import Markup

from run_contract.files import replace_atomically
from run_contract.layout import RunPaths, Workspace
from runs_page.page_model import make_page_model
from runs_page.plot_catalog import Plot
from runs_page.run_data import RunData, read_run_data
from runs_page.templating import STYLE, environment


def write_report(workspace: Workspace, run: RunPaths) -> None:
    """Write report.html: no scripts, no requests, plots inline in both themes. The same run gives the same bytes."""
    page = (
        environment()
        .get_template("report.html.j2")
        .render(
            page_model=make_page_model(_run_data(workspace, run)),
            run_key=run.run_key,
            style=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 (our own)
            picture=_data_address,
        )
    )
    with replace_atomically(run.report) as part:
        part.write_text(page, encoding="utf-8")


def _run_data(workspace: Workspace, run: RunPaths) -> RunData:
    """Return the data as of the end of the run, without the states of its tasks, which only Airflow has."""
    run_data = read_run_data(run, workspace, "success", {})
    ended = run_data.finished_at or datetime.fromtimestamp(0, UTC)
    return read_run_data(run, workspace, "success", {}, ended)


def _data_address(plot: Plot, theme: str) -> str:
    """Return the plot as a data: address of an SVG."""
    svg = plot.svg(theme, "full" if plot.spec.full_width else "wide")
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"

"""report.html: the page of a finished run as one self-contained file, to mail or to archive."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime

from markupsafe import Markup

from run_contract.files import replace_atomically
from run_contract.layout import RunPaths, Workspace
from runs_page.page_model import make_page_model
from runs_page.plot_catalog import Plot
from runs_page.run_data import RunData, read_run_data
from runs_page.templating import STYLE, environment


def write_report(workspace: Workspace, run: RunPaths) -> None:
    """Write report.html: no script, no request, the plots inline in both themes. The same run gives the same bytes."""
    page = (
        environment()
        .get_template("report.html.j2")
        .render(
            page_model=make_page_model(_run_data(workspace, run)),
            run_key=run.run_key,
            style=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 (our own)
            data_address=_data_address,
        )
    )
    with replace_atomically(run.report) as part:
        part.write_text(page, encoding="utf-8")


def _run_data(workspace: Workspace, run: RunPaths) -> RunData:
    """Return the run as of its end, without its tasks: their states are in Airflow only."""
    run_data = read_run_data(run, workspace, "success", {})
    return replace(run_data, now=run_data.finished_at or datetime.fromtimestamp(0, UTC))


def _data_address(plot: Plot, theme: str) -> str:
    """Return the plot as an address that contains it; empty when it cannot be drawn."""
    svg = plot.svg(theme, "full" if plot.spec.full_width else "wide")
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}" if svg else ""

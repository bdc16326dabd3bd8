"""The page of a run as one self-contained file, for mail and for the shelf."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

from markupsafe import Markup

from run_contract.files import replace_atomically
from run_contract.layout import RunPaths, Workspace
from runs_page.catalogue import Found
from runs_page.page_model import tell
from runs_page.run_data import Scene, read_scene
from runs_page.templating import STYLE, environment


def write_report(workspace: Workspace, run: RunPaths) -> None:
    """Writes report.html: no script, no request, the plots inline in both themes. The same run makes the same bytes."""
    page = (
        environment()
        .get_template("report.html.j2")
        .render(
            story=tell(_scene(workspace, run)),
            run_key=run.run_key,
            style=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 (our own)
            picture=_picture,
        )
    )
    with replace_atomically(run.report) as part:
        part.write_text(page, encoding="utf-8")


def _scene(workspace: Workspace, run: RunPaths) -> Scene:
    """As it is when the run has ended, without its tasks, which only Airflow knows."""
    scene = read_scene(run, workspace, "success", {})
    ended = scene.finished_at or datetime.fromtimestamp(0, UTC)
    return read_scene(run, workspace, "success", {}, ended)


def _picture(found: Found, theme: str) -> str:
    """The plot as a data: address."""
    svg = found.svg(theme, "full" if found.plot.full else "wide")
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"

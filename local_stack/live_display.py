"""The run while it goes, for a terminal: the figures of its page in Airflow's web UI."""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from run_contract.layout import RunPaths, Workspace
from runs_page.page_model import PageModel, make_page_model
from runs_page.run_data import RunData, TaskState, read_run_data

STYLES = {"good": "green", "warn": "yellow", "bad": "red", "busy": "cyan", "neutral": "default"}
STAGE_STYLES = {"success": "green", "failed": "red", "running": "bold cyan", "none": "dim"}


class LiveDisplay:
    """Redraws itself in place, and leaves nothing behind: the summary follows it."""

    def __init__(self, console: Console, run: RunPaths) -> None:
        self._run = run
        self._spinner = Spinner("dots")
        self._live = Live(console=console, transient=True, refresh_per_second=4)

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, states: dict[str, str | None], progress: dict[str, Any]) -> None:
        """progress is read again, with the rest of the run's files."""
        tasks = {name: TaskState(name, state) for name, state in states.items()}
        run_data = read_run_data(self._run, Workspace(self._run.root.parents[1]), "running", tasks)
        self._live.update(
            Group(self._spinner, Padding(draw(run_data, make_page_model(run_data, with_plots=False)), (0, 0, 0, 2)))
        )

    def note(self, text: str) -> None:
        self._live.console.print(text, highlight=False, markup=False)


def draw(run_data: RunData, page_model: PageModel) -> RenderableType:
    """The answer, the bar, the figures, the tasks and the alerts. Whatever is put in stays text."""
    style = STYLES[page_model.headline.tone]
    lines: list[RenderableType] = [Text(page_model.headline.title, f"bold {style}")]
    lines += [Text(detail, "dim") for detail in page_model.headline.details if detail]
    total = run_data.progress.get("rows_total")
    if isinstance(total, int) and total:
        bar = Table.grid()  # a bar alone does not end its line
        bar.add_row(ProgressBar(total, run_data.progress.get("rows_done", 0), width=60))
        lines.append(bar)
    if page_model.tiles:
        lines.append(_tiles(page_model))
    lines.append(_stages(page_model))
    lines += [Text(f"{alert.level}: {alert.text}", "green" if alert.good else "yellow") for alert in page_model.alerts]
    return Group(*lines)


def _tiles(page_model: PageModel) -> Table:
    table = Table.grid(padding=(0, 2))
    for tile in page_model.tiles:
        table.add_row(Text(tile.name, "dim"), Text(tile.value, "bold"), Text(tile.note, "dim"))
    return table


def _stages(page_model: PageModel) -> Text:
    text = Text()
    for task in page_model.tasks:
        text.append(f"{task.mark} {task.name}  ", STAGE_STYLES.get(task.state, ""))
    return text

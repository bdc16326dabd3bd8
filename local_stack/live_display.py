"""A run in progress in a terminal: the figures of its page in Airflow's web UI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from run_contract.layout import RunPaths, Workspace
from run_contract.records.predict import ProgressRecord
from runs_page.page_model import PageModel, make_page_model
from runs_page.run_data import RunData, TaskState, read_run_data

STYLES = {"good": "green", "warn": "yellow", "bad": "red", "busy": "cyan", "neutral": "default"}
TASK_STYLES = {"success": "green", "failed": "red", "running": "bold cyan", "none": "dim"}


class LiveDisplay:
    """A display that redraws itself in place, and removes itself at its end: the summary follows it."""

    def __init__(self, console: Console, run: RunPaths) -> None:
        self._run = run
        self._spinner = Spinner("dots")
        self._live = Live(console=console, transient=True, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, states: Mapping[str, str | None], _: ProgressRecord | None) -> None:
        """Show the run. Its progress is read again with the other files."""
        tasks = {name: TaskState(name, state) for name, state in states.items()}
        run_data = read_run_data(self._run, Workspace(self._run.root.parents[1]), "running", tasks)
        shown = draw(run_data, make_page_model(run_data, with_plots=False))
        self._live.update(Group(self._spinner, Padding(shown, (0, 0, 0, 2))))

    def note(self, text: str) -> None:
        self._live.console.print(text, highlight=False, markup=False)


def draw(run_data: RunData, page_model: PageModel) -> RenderableType:
    """Return the headline, a progress bar, the tiles, the tasks and the alerts. No text is read as markup."""
    headline, progress = page_model.headline, run_data.progress
    lines: list[RenderableType] = [Text(headline.title, f"bold {STYLES[headline.tone]}")]
    lines += [Text(detail, "dim") for detail in headline.details if detail]
    lines += [Text(f"This file cannot be read: {file}", "yellow") for file in page_model.damaged]
    if progress and progress.rows_total:
        bar = Table.grid()  # a bar alone does not end its line
        bar.add_row(ProgressBar(progress.rows_total, progress.rows_done, width=60))
        lines.append(bar)
    if page_model.tiles:
        lines.append(_tiles(page_model))
    lines.append(_tasks(page_model))
    lines += [Text(f"{alert.level}: {alert.text}", "green" if alert.good else "yellow") for alert in page_model.alerts]
    return Group(*lines)


def _tiles(page_model: PageModel) -> Table:
    table = Table.grid(padding=(0, 2))
    for tile in page_model.tiles:
        table.add_row(Text(tile.name, "dim"), Text(tile.value, "bold"), Text(tile.note, "dim"))
    return table


def _tasks(page_model: PageModel) -> Text:
    text = Text()
    for task in page_model.tasks:
        text.append(f"{task.mark} {task.name}  ", TASK_STYLES.get(task.state, ""))
    return text

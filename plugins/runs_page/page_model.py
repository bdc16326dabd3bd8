"""What a page, or the report, tells of a run, in the order in which it tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from runs_page.headline import Headline, make_headline
from runs_page.plot_catalog import RUN_PLOTS, Plot, make_plots
from runs_page.records import unless_damaged
from runs_page.run_data import TASKS, RunData, TaskState, moment_of
from runs_page.tiles import Tile, make_tiles
from runs_page.wording import length, moment
from runtime_guard.alerting.levels import Level

MARKS = {
    "success": ("✓", "done"),
    "failed": ("✗", "failed"),
    "upstream_failed": ("–", "not reached"),
    "skipped": ("–", "skipped"),
    "running": ("▶", "running"),
    "deferred": ("▶", "watching"),
    "up_for_reschedule": ("▶", "watching"),
    "up_for_retry": ("↻", "tries again"),
    "restarting": ("↻", "tries again"),
    "awaiting_input": ("?", "waits for a person"),
    "queued": ("…", "queued"),
    "scheduled": ("…", "queued"),
}
NOT_YET = ("·", "to come")


class TaskLine(NamedTuple):
    name: str
    state: str
    mark: str
    words: str
    took: str


class AlertLine(NamedTuple):
    level: str
    raised: str
    text: str
    good: bool


@dataclass(frozen=True)
class PageModel:
    """alerts: the newest first. ended: nothing will change any more. facts: name and value of what the run was."""

    headline: Headline
    tiles: list[Tile]
    tasks: list[TaskLine]
    alerts: list[AlertLine]
    plots: list[Plot]
    facts: list[tuple[str, str]]
    tables: list[tuple[str, list[tuple[str, str]]]]
    ended: bool


def make_page_model(run_data: RunData, with_plots: bool = True) -> PageModel:
    """Return what a page shows of a run. A terminal needs no plots."""
    return PageModel(
        headline=make_headline(run_data),
        tiles=make_tiles(run_data),
        tasks=[_task_line(run_data, name) for name in TASKS] if run_data.tasks else [],
        alerts=[line for alert in reversed(run_data.alerts) if (line := _alert(alert, run_data))],
        plots=make_plots(RUN_PLOTS, run_data) if with_plots else [],
        facts=_facts(run_data) or [],
        tables=_tables(run_data) or [],
        ended=run_data.ended,
    )


def _task_line(run_data: RunData, name: str) -> TaskLine:
    task = run_data.tasks.get(name, TaskState(name, None))
    mark, words = MARKS.get(task.state or "", NOT_YET if task.state is None else ("·", task.state))
    end = task.ended_at or (run_data.now if task.state in ("running", "deferred") else None)
    seconds = (end - task.started_at).total_seconds() if task.started_at and end else None
    return TaskLine(name, task.state or "none", mark, words, length(seconds) if seconds is not None else "")


@unless_damaged(None)
def _alert(alert: Mapping[str, Any], run_data: RunData) -> AlertLine:
    level = str(alert["level"])
    text = str(alert["text"]).removeprefix(f"run {run_data.paths.run_key}: ")
    return AlertLine(level.replace("_", " "), moment(moment_of(alert.get("raised_at"))), text, level == Level.RECOVERED)


@unless_damaged(None)
def _facts(run_data: RunData) -> list[tuple[str, str]]:
    progress, metrics = run_data.progress, run_data.metrics
    engine = " ".join(str(progress[name]) for name in ("engine", "precision") if progress.get(name))
    agreement = progress.get("label_agreement")
    workers = f"{progress['workers']} with {progress['cores']} cores" if progress.get("workers") else ""
    facts = [
        ("Run", run_data.paths.run_key),
        ("Source", str(metrics.get("source") or "")),
        ("Model", str(progress.get("model") or "")),
        ("Engine", engine),
        ("Same label as in f32", "" if agreement is None else f"{agreement:.1%} of a sample"),
        ("Workers", workers),
    ]
    return [(name, value) for name, value in facts if value]


@unless_damaged(None)
def _tables(run_data: RunData) -> list[tuple[str, list[tuple[str, str]]]]:
    """Figures that the plots show, or that none shows, as numbers."""
    metrics = run_data.metrics
    if not metrics:
        return []
    counts = {
        "Predictions": metrics["predictions"],
        "Errors by reason": metrics["errors_by_reason"],
        "Files that were not taken for images": metrics["skipped"],
    }
    tables = [(title, [(name, f"{number:,}") for name, number in each.items()]) for title, each in counts.items()]
    splits = [(name, f"{accuracy:.3f}") for name, accuracy in metrics["accuracy_by_split"].items()]
    return [(title, rows[:50]) for title, rows in [*tables, ("Accuracy by split", splits)] if rows]

"""What a page, the report or the terminal shows of a run, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from run_contract.formatting import count, duration, share, short_date
from run_contract.records.alert import AlertRecord
from run_contract.records.metrics import MetricsRecord
from runs_page.headline import Headline, make_headline
from runs_page.plot_catalog import RUN_PLOTS, Plot, make_plots
from runs_page.run_data import TASKS, RunData, TaskState
from runs_page.tiles import Tile, make_tiles
from runtime_guard.alerting.levels import Level

MARKS = {
    "success": ("✓", "done"),
    "failed": ("✗", "failed"),
    "upstream_failed": ("–", "not reached"),
    "skipped": ("–", "skipped"),
    "running": ("▶", "running"),
    "deferred": ("▶", "watching"),
    "up_for_reschedule": ("▶", "watching"),
    "up_for_retry": ("↻", "retrying"),
    "restarting": ("↻", "retrying"),
    "awaiting_input": ("?", "waiting for approval"),
    "queued": ("…", "queued"),
    "scheduled": ("…", "queued"),
}
NOT_STARTED = ("·", "not started")
TABLE_ROWS = 50

Facts = list[tuple[str, str]]
"""Pairs of name and value."""


class TaskLine(NamedTuple):
    name: str
    state: str
    mark: str
    description: str
    took: str


class AlertLine(NamedTuple):
    level: str
    raised: str
    text: str
    good: bool


@dataclass(frozen=True)
class PageModel:
    """alerts: the newest first. tables: pairs of title and rows. damaged: as in RunData. ended: it does not change."""

    headline: Headline
    damaged: list[str]
    tiles: list[Tile]
    tasks: list[TaskLine]
    alerts: list[AlertLine]
    plots: list[Plot]
    facts: Facts
    tables: list[tuple[str, Facts]]
    ended: bool


def make_page_model(run_data: RunData, with_plots: bool = True) -> PageModel:
    """Return what is shown of a run. A terminal needs no plots."""
    return PageModel(
        headline=make_headline(run_data),
        damaged=list(run_data.damaged),
        tiles=make_tiles(run_data),
        tasks=[_task_line(run_data, name) for name in TASKS] if run_data.tasks else [],
        alerts=[_alert_line(alert, run_data.paths.run_key) for alert in reversed(run_data.alerts)],
        plots=make_plots(RUN_PLOTS, run_data) if with_plots else [],
        facts=_facts(run_data),
        tables=_tables(run_data.metrics) if run_data.metrics else [],
        ended=run_data.ended,
    )


def _task_line(run_data: RunData, name: str) -> TaskLine:
    task = run_data.tasks.get(name, TaskState(name, None))
    mark, description = MARKS.get(task.state, ("·", task.state)) if task.state else NOT_STARTED
    end = task.ended_at or (run_data.now if task.state in ("running", "deferred") else None)
    took = duration((end - task.started_at).total_seconds()) if task.started_at and end else ""
    return TaskLine(name, task.state or "none", mark, description, took)


def _alert_line(alert: AlertRecord, run_key: str) -> AlertLine:
    text = alert.text.removeprefix(f"run {run_key}: ")
    raised = f"{short_date(alert.raised_at)} UTC"
    return AlertLine(alert.level.replace("_", " "), raised, text, alert.level == Level.RECOVERED)


def _facts(run_data: RunData) -> Facts:
    progress, metrics = run_data.progress, run_data.metrics
    facts = [("Run", run_data.paths.run_key), ("Source", metrics.source if metrics else "")]
    if progress:
        agreement = progress.label_agreement
        facts += [
            ("Model", progress.model),
            ("Engine", f"{progress.engine} {progress.precision}".strip()),
            ("Labels equal to f32", "" if agreement is None else f"{share(agreement)} of a sample"),
            ("Workers", f"{progress.workers} with {count(progress.cores, 'core')}" if progress.workers else ""),
        ]
    return [(name, value) for name, value in facts if value]


def _tables(metrics: MetricsRecord) -> list[tuple[str, Facts]]:
    """Return as numbers what the plots show, and what no plot shows."""
    counts = {
        "Predictions": metrics.predictions,
        "Errors by reason": metrics.errors_by_reason,
        "Skipped files": metrics.skipped,
    }
    tables = [(title, [(name, count(number)) for name, number in each.items()]) for title, each in counts.items()]
    splits = [(name, share(accuracy)) for name, accuracy in metrics.accuracy_by_split.items()]
    return [(title, rows[:TABLE_ROWS]) for title, rows in [*tables, ("Accuracy by split", splits)] if rows]

"""What a page, or the report, tells of a run, in the order in which it tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from runs_page.catalogue import RUN_PLOTS, Found, find_plots
from runs_page.headline import Answer, answer_of
from runs_page.records import unless_garbled
from runs_page.run_data import STAGES, Scene, Stage, moment_of
from runs_page.tiles import Tile, tiles_of
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


class StageLine(NamedTuple):
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
class Story:
    """alerts: the newest first. ended: nothing will change any more. facts: name and value of what the run was."""

    answer: Answer
    tiles: list[Tile]
    stages: list[StageLine]
    alerts: list[AlertLine]
    plots: list[Found]
    facts: list[tuple[str, str]]
    tables: list[tuple[str, list[tuple[str, str]]]]
    ended: bool


def tell(scene: Scene) -> Story:
    return replace(tell_without_plots(scene), plots=find_plots(RUN_PLOTS, scene))


def tell_without_plots(scene: Scene) -> Story:
    """For a terminal."""
    return Story(
        answer=answer_of(scene),
        tiles=tiles_of(scene),
        stages=[_stage(scene, name) for name in STAGES] if scene.stages else [],
        alerts=[line for alert in reversed(scene.alerts) if (line := _alert(alert, scene))],
        plots=[],
        facts=_facts(scene) or [],
        tables=_tables(scene) or [],
        ended=scene.ended,
    )


def _stage(scene: Scene, name: str) -> StageLine:
    stage = scene.stages.get(name, Stage(name, None))
    mark, words = MARKS.get(stage.state or "", NOT_YET if stage.state is None else ("·", stage.state))
    end = stage.ended_at or (scene.now if stage.state in ("running", "deferred") else None)
    seconds = (end - stage.started_at).total_seconds() if stage.started_at and end else None
    return StageLine(name, stage.state or "none", mark, words, length(seconds) if seconds is not None else "")


@unless_garbled(None)
def _alert(alert: Mapping[str, Any], scene: Scene) -> AlertLine:
    level = str(alert["level"])
    text = str(alert["text"]).removeprefix(f"run {scene.paths.run_key}: ")
    return AlertLine(level.replace("_", " "), moment(moment_of(alert.get("raised_at"))), text, level == Level.RECOVERED)


@unless_garbled(None)
def _facts(scene: Scene) -> list[tuple[str, str]]:
    progress, metrics = scene.progress, scene.metrics
    engine = " ".join(str(progress[name]) for name in ("engine", "precision") if progress.get(name))
    agreement = progress.get("label_agreement")
    workers = f"{progress['workers']} with {progress['cores']} cores" if progress.get("workers") else ""
    facts = [
        ("Run", scene.paths.run_key),
        ("Source", str(metrics.get("source") or "")),
        ("Model", str(progress.get("model") or "")),
        ("Engine", engine),
        ("Same label as in f32", "" if agreement is None else f"{agreement:.1%} of a sample"),
        ("Workers", workers),
    ]
    return [(name, value) for name, value in facts if value]


@unless_garbled(None)
def _tables(scene: Scene) -> list[tuple[str, list[tuple[str, str]]]]:
    """Figures that the plots show, or that none shows, as numbers."""
    metrics = scene.metrics
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

"""A scene to what the plots of a run draw."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from runs_page.plots.burn_up import BurnUp
from runs_page.records import unless_garbled
from runs_page.run_data import Scene, moment_of, status_at
from runtime_guard.alerting.levels import Phase

BAND = (0.1, 0.5, 0.9)


def burn_up_of(scene: Scene) -> BurnUp | None:
    """None while nothing is known of the rows."""
    total = int(scene.progress.get("rows_total") or scene.plan.get("rows") or 0)
    now = scene.step
    samples = tuple(
        (float(sample[0]), float(sample[1]))
        for sample in scene.progress.get("samples") or ()
        if scene.ended or sample[0] <= now.timestamp()
    )
    forecast = None if scene.ended else _forecast(scene)
    if not total or not (samples or forecast):
        return None
    planned = (moment_of(scene.plan.get("p50_finish_at")), moment_of(scene.plan.get("p90_finish_at")))
    return BurnUp(
        samples if forecast else _to_the_end(scene, samples),
        total,
        now,
        forecast,
        (planned[0], planned[1]) if planned[0] and planned[1] and not forecast else None,
        scene.deadline,
    )


def _forecast(scene: Scene) -> Any:
    status = status_at(scene, scene.step)
    if not status or not status.forecast or status.observation.phase == Phase.ENDED:
        return None
    return tuple(scene.step + timedelta(seconds=status.forecast.quantile(p)) for p in BAND)


def _to_the_end(scene: Scene, samples: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """The driver reports twice a second while it predicts: its last word on the rows comes after that."""
    updated = moment_of(scene.progress.get("updated_at"))
    rows = scene.progress.get("rows_done")
    if not samples or updated is None or rows is None or updated.timestamp() < samples[-1][0]:
        return samples
    return (*samples, (updated.timestamp(), float(rows)))


def classes_of(scene: Scene) -> tuple[Mapping[str, int], Mapping[str, int]] | None:
    """Images of each label, and those of the run that was published before."""
    counts = scene.metrics["predictions"]
    return (counts, published_before(scene)) if sum(counts.values()) else None


@unless_garbled({})
def published_before(scene: Scene) -> Mapping[str, int]:
    """Images of each label in the last valid run before this one; empty when there is none."""
    before = [
        line
        for line in scene.history
        if line.get("verdict") == "valid" and line["run_key"] < scene.paths.run_key and line.get("predictions")
    ]
    newest: Mapping[str, int] = max(before, key=lambda line: str(line["run_key"]))["predictions"] if before else {}
    return newest


def cells_of(scene: Scene) -> tuple[tuple[str, str, int], ...] | None:
    cells = scene.metrics["confusion"]
    return tuple((cell["label"], cell["prediction"], cell["count"]) for cell in cells) or None


def describe_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:16])


def describe_shares(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    return ", ".join(f"{name} {100 * count / total:.1f}%" for name, count in list(counts.items())[:16])

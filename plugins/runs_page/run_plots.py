"""From RunData to what the plots of a run draw."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from runs_page.plots.burn_up import BurnUp
from runs_page.records import unless_damaged
from runs_page.run_data import RunData, moment_of, status_at
from runtime_guard.alerting.levels import Phase

BAND = (0.1, 0.5, 0.9)


def burn_up_of(run_data: RunData) -> BurnUp | None:
    """None while nothing is known of the rows."""
    total = int(run_data.progress.get("rows_total") or run_data.plan.get("rows") or 0)
    now = run_data.drawn_at
    samples = tuple(
        (float(sample[0]), float(sample[1]))
        for sample in run_data.progress.get("samples") or ()
        if run_data.ended or sample[0] <= now.timestamp()
    )
    forecast = None if run_data.ended else _forecast(run_data)
    if not total or not (samples or forecast):
        return None
    planned = (moment_of(run_data.plan.get("p50_finish_at")), moment_of(run_data.plan.get("p90_finish_at")))
    return BurnUp(
        samples if forecast else _to_the_end(run_data, samples),
        total,
        now,
        forecast,
        (planned[0], planned[1]) if planned[0] and planned[1] and not forecast else None,
        run_data.deadline,
    )


def _forecast(run_data: RunData) -> Any:
    status = status_at(run_data, run_data.drawn_at)
    if not status or not status.forecast or status.observation.phase == Phase.ENDED:
        return None
    return tuple(run_data.drawn_at + timedelta(seconds=status.forecast.quantile(p)) for p in BAND)


def _to_the_end(run_data: RunData, samples: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """The driver reports twice a second while it predicts: its last word on the rows comes after that."""
    updated = moment_of(run_data.progress.get("updated_at"))
    rows = run_data.progress.get("rows_done")
    if not samples or updated is None or rows is None or updated.timestamp() < samples[-1][0]:
        return samples
    return (*samples, (updated.timestamp(), float(rows)))


def classes_of(run_data: RunData) -> tuple[Mapping[str, int], Mapping[str, int]] | None:
    """Images of each label, and those of the run that was published before."""
    counts = run_data.metrics["predictions"]
    return (counts, published_before(run_data)) if sum(counts.values()) else None


@unless_damaged({})
def published_before(run_data: RunData) -> Mapping[str, int]:
    """Images of each label in the last valid run before this one; empty when there is none."""
    before = [
        line
        for line in run_data.history
        if line.get("verdict") == "valid" and line["run_key"] < run_data.paths.run_key and line.get("predictions")
    ]
    newest: Mapping[str, int] = max(before, key=lambda line: str(line["run_key"]))["predictions"] if before else {}
    return newest


def cells_of(run_data: RunData) -> tuple[tuple[str, str, int], ...] | None:
    cells = run_data.metrics["confusion"]
    return tuple((cell["label"], cell["prediction"], cell["count"]) for cell in cells) or None


def describe_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:16])


def describe_shares(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    return ", ".join(f"{name} {100 * count / total:.1f}%" for name, count in list(counts.items())[:16])

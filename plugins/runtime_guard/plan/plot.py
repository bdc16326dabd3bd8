"""A plot of the plan: the time of a run against the number of workers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from run_contract.formatting import share
from runtime_guard.plan.capacity_plan import Load, describe

FITS, NOT_SAFE, TOO_LONG = "#2a9d5c", "#f2a541", "#c0392b"
TOP = 3
POINTS = 200


def draw(load: Load, enough: int, target: Path) -> None:
    """Write a PNG: the time of a run against the workers, with the interval and what the buffer leaves of it.

    enough: the number of workers at the centre of interest; the plot shows somewhat more, and fewer as long as a run
    takes at most TOP intervals.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    unit, length = _unit(load.interval_seconds)
    top = TOP * load.interval_seconds
    most = math.ceil(enough * 1.2) + 1
    counts = sorted({*range(1, most, math.ceil(most / POINTS)), max(enough - 1, 1), enough, most})
    counts = [count for count in counts if load.seconds(count) <= top] or counts
    axes.plot(counts, [load.seconds(count) / length for count in counts], color="#9aa3ad", linewidth=1, zorder=1)
    size = 36 if len(counts) <= 40 else 12
    for colour, label in ((TOO_LONG, "too long"), (NOT_SAFE, "fits"), (FITS, "fits with one worker lost")):
        chosen = [count for count in counts if _colour(load, count) == colour]
        heights = [load.seconds(count) / length for count in chosen]
        axes.scatter(chosen, heights, color=colour, label=label, s=size, zorder=2)
    _line(axes, load.interval_seconds / length, "interval", "-")
    if load.buffer:
        _line(axes, load.limit_seconds / length, f"interval less {share(load.buffer, 0)} buffer", "--")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(describe(load), fontsize=10)
    axes.set_xlabel("workers")
    axes.set_ylabel(f"time of a run in {unit}")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right")
    figure.savefig(target, dpi=120)


def _line(axes: Any, height: float, label: str, style: str) -> None:
    axes.axhline(height, color="black", linestyle=style, linewidth=1, label=label, zorder=0)


def _colour(load: Load, workers: int) -> str:
    if load.fits_with_one_lost(workers):
        return FITS
    return NOT_SAFE if load.fits(workers) else TOO_LONG


def _unit(seconds: float) -> tuple[str, int]:
    """Return the unit for an interval, and its seconds: days from three on, hours from three on, or minutes."""
    for unit, length in (("days", 86_400), ("hours", 3600)):
        if seconds >= 3 * length:
            return unit, length
    return "minutes", 60

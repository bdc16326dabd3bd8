"""The results as a table in the terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.table import Table

from benchmarks.figures import BASELINE, LIMIT

WIDTH = 120
"""What the table needs, also where there is no terminal."""

COLUMNS: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("wall s", lambda row: ("~" if row["extrapolated"] else "") + number(row["median"]["wall_seconds"], 1)),
    ("start s", lambda row: number(row["median"]["startup_seconds"], 1)),
    ("images/s", lambda row: number(row["median"]["steady_images_per_second"])),
    ("of limit", lambda row: percent(row["ratios"]["steady_to_limit"])),
    ("× wall", lambda row: number(row["ratios"]["times_faster_than_notebook"], 1)),
    ("× steady", lambda row: number(row["ratios"]["steady_to_notebook"], 1)),
    ("peak MB", lambda row: number(row["median"]["peak_mb"])),
    ("as Keras", lambda row: f"{row['labels_as_keras']:,}/{row['measured_images']:,}"),
)


def make_table(results: dict[str, Any]) -> Table:
    """One row for each contender, slowest first; those without figures last, with the reason."""
    total = results["images"]
    table = Table(title=f"{total:,} images ({results['source']}), {results['machine']['cores_used']} cores, medians")
    table.add_column("contender", no_wrap=True)
    for title, _ in COLUMNS:
        table.add_column(title, justify="right", no_wrap=True)
    for row in by_rate(results):
        table.add_row(row["name"], *(text(row) for _, text in COLUMNS))
    for row in results["contenders"]:
        if not row["rounds"]:
            table.add_row(row["name"], row["message"].partition(";")[0], style="dim")
    return table


def notes(results: dict[str, Any]) -> list[str]:
    """What the table leaves open."""
    load, cores = results["machine"]["load_before"], results["machine"]["cores_used"]
    lines = [f"the machine was busy (load {load} on {cores} cores): the figures are not to be trusted"]
    lines = lines if load > cores / 4 else []
    lines += [
        f"~ {row['name']}: measured on {row['measured_images']:,} images, extrapolated to {results['images']:,}"
        for row in results["contenders"]
        if row["extrapolated"]
    ]
    lines += [
        f"{row['name']}: by its own count {number(row['own_rate'])} images/s, precision {row['own_precision']}"
        for row in results["contenders"]
        if row["own_rate"]
    ]
    lines.append(f"× faster than {BASELINE}; limit: {LIMIT}; as Keras: labels equal to those of Keras in f32")
    return lines + [f"error: {row['message']}" for row in results["contenders"] if row["failed"]]


def by_rate(results: dict[str, Any]) -> list[dict[str, Any]]:
    """The contenders that were measured, slowest first."""
    measured = [row for row in results["contenders"] if row["rounds"]]
    return sorted(measured, key=lambda row: row["median"]["steady_images_per_second"] or 0)


def number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"

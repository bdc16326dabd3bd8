"""The results as a picture."""

from __future__ import annotations

from math import floor, log10
from pathlib import Path
from typing import Any

from benchmarks.figures import LIMIT
from benchmarks.table import by_rate, number

OURS_COLOUR, OTHER_COLOUR, START_COLOUR = "#1f77b4", "#b8bfc7", "#f2a541"


def draw(results: dict[str, Any], target: Path) -> None:
    """Writes a PNG: the steady rate of each contender with the limit as a line, and its wall seconds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = by_rate(results)
    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(14, 1.8 + 0.45 * len(rows)), sharey=True, layout="constrained"
    )
    _draw_rates(left, rows)
    _draw_walls(right, rows, results["images"])
    machine = results["machine"]
    figure.suptitle(
        f"{results['images']:,} images, MobileNetV2, {machine['cores_used']} cores of {machine['cpu']}, "
        f"medians of {results['rounds']} rounds, {results['date'][:10]}"
    )
    figure.savefig(target, dpi=120)
    pyplot.close(figure)


def _draw_rates(axes: Any, rows: list[dict[str, Any]]) -> None:
    rates = [row["median"]["steady_images_per_second"] or 1 for row in rows]
    bars = axes.barh([row["title"] for row in rows], rates, color=[_colour(row) for row in rows])
    texts = [number(row["median"]["steady_images_per_second"]) for row in rows]
    axes.bar_label(bars, texts, padding=4, bbox={"color": "white", "pad": 1})  # above the line of the limit
    axes.set_xscale("log")
    axes.set_xlim(10 ** floor(log10(min(rates)) - 0.3), max(rates) * 2)
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.xaxis.set_minor_formatter("")
    axes.set_xlabel("steady images a second (log scale)")
    limits = [row["median"]["steady_images_per_second"] for row in rows if row["name"] == LIMIT]
    if limits and limits[0]:
        axes.axvline(limits[0], color="black", linestyle="--", linewidth=1, label="the limit")
        axes.legend(loc="lower right")


def _draw_walls(axes: Any, rows: list[dict[str, Any]], total: int) -> None:
    starts = [row["median"]["startup_seconds"] for row in rows]
    rests = [max((row["median"]["wall_seconds"] or 0) - start, 0) for row, start in zip(rows, starts, strict=True)]
    titles = [row["title"] for row in rows]
    axes.barh(titles, starts, color=START_COLOUR, label="start-up")
    bars = axes.barh(titles, rests, left=starts, color=[_colour(row) for row in rows], label="the images")
    walls = [("~" if row["extrapolated"] else "") + number(row["median"]["wall_seconds"], 1) for row in rows]
    axes.bar_label(bars, walls, padding=3)
    axes.margins(x=0.2)
    axes.set_xlabel(f"seconds for {total:,} images (~ extrapolated)")
    axes.legend(loc="upper right")


def _colour(row: dict[str, Any]) -> str:
    return OURS_COLOUR if row["name"].startswith("ours") else OTHER_COLOUR

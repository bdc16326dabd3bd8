"""The results of `make bench-scale` as a table and as a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table


def make_table(results: dict[str, Any]) -> Table:
    """Return a table with a line for each kind of process: seconds of the stage, peak memory, at both sizes."""
    table = Table(box=None)
    for title in ("stage", "rows", "seconds", "CPU s", "process", "MB"):
        table.add_column(title, justify="left" if title in ("stage", "process") else "right")
    for stage, (before, after) in pairs(results).items():
        for item in (before, after):
            figures = [stage, f"{item['rows']:,}", f"{item['seconds']:.1f}", f"{item['cpu_seconds']:.1f}"]
            for kind, peak in item["peak_mb"].items():
                table.add_row(*figures, kind, f"{peak:,.0f}")
                figures = [""] * len(figures)
        ratios = [f"x {after[name] / before[name]:.1f}" for name in ("rows", "seconds", "cpu_seconds")]
        table.add_row("", *ratios, end_section=True)
    return table


def pairs(results: dict[str, Any]) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return the measurements at the small size and at the full size, stage by stage."""
    small, full = ([item for item in results["stages"] if item["rows"] == rows] for rows in results["rows"])
    return {before["stage"]: (before, after) for before, after in zip(small, full, strict=True)}


def draw(results: dict[str, Any], target: Path) -> None:
    """Write a PNG of seconds and peak memory against rows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    sizes = results["rows"]
    for stage, measured in pairs(results).items():
        left.plot(sizes, [item["seconds"] for item in measured], "o-", label=stage)
        for kind in measured[1]["peak_mb"]:
            name = kind if stage == "predict" else stage
            right.plot(sizes, [item["peak_mb"].get(kind, 0) for item in measured], "o-", label=name)
    left.plot([0, *sizes], [0] * (len(sizes) + 1), alpha=0)
    left.set(title="Seconds", xlabel="rows", ylabel="seconds", ylim=(0, None))
    right.axhline(results["limit_mb"], color="black", linestyle="--", linewidth=1)
    right.set(title="Peak memory of each process", xlabel="rows", ylabel="MB", ylim=(0, results["limit_mb"] * 1.1))
    for axes in (left, right):
        axes.set_xlim(0, sizes[1] * 1.05)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize="small")
    figure.savefig(target, dpi=120)

"""The style of every plot. Without colour, too, lines differ in dash, points in marker and areas in hatch."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

from run_contract.formatting import one_line

LONGEST_LABEL = 22


@dataclass(frozen=True)
class Theme:
    """The colours of style.css."""

    page: str
    ink: str
    quiet: str
    grid: str
    main: str
    other: str
    good: str
    bad: str
    map: str


THEMES = {
    "light": Theme("#ffffff", "#18181b", "#55555f", "#e0e0e4", "#0062c4", "#8a8a94", "#13713a", "#b3181f", "Blues"),
    "dark": Theme("#161d2d", "#f4f4f5", "#aab4c6", "#36425a", "#74b8ff", "#8592a8", "#5fd68d", "#ff8a8a", "Blues_r"),
}
# CSS pixels. page.js chooses the one that fits the column.
WIDTHS = {"narrow": 340, "wide": 480, "full": 760}

DEADLINE_DASHES = (0, (6, 2, 1, 2))


def new_axes(theme: Theme, size: str, height: int = 260) -> tuple[Any, Any]:
    """Return a figure of this size, in CSS pixels, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTHS[size] / 96, height / 96), layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(theme.grid)
    axes.tick_params(colors=theme.quiet, labelsize=9, length=3, color=theme.grid)
    axes.grid(axis="y", color=theme.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def label(axes: Any, theme: Theme, x: str, y: str) -> None:
    axes.set_xlabel(x, color=theme.quiet, fontsize=9)
    axes.set_ylabel(y, color=theme.quiet, fontsize=9)


def legend(axes: Any, theme: Theme, columns: int = 3) -> None:
    """Add a legend above the axes, where it hides nothing."""
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        axes.figure.legend(
            loc="outside upper left", ncols=columns, frameon=False, fontsize=9, labelcolor=theme.ink,
            borderaxespad=0.2, handlelength=1.8, columnspacing=1.2,
        )  # fmt: skip


def hatched(colour: str, hatch: str) -> dict[str, Any]:
    """Return the style of an area that differs from others without its colour."""
    from matplotlib.colors import to_rgba

    return {"facecolor": "none", "edgecolor": to_rgba(colour, 0.5), "linewidth": 0, "hatch": hatch}


def whole_numbers(axes: Any, which: str = "y") -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def plain(text: object) -> str:
    """Return a name from the data as a label: short, on one line, and never read as a formula."""
    short = one_line(str(text))
    short = short if len(short) <= LONGEST_LABEL else f"{short[: LONGEST_LABEL - 1]}…"
    return short.replace("$", r"\$")


def to_svg(figure: Any, title: str) -> str:
    """Return the figure as an <svg> element. The same figure gives the same text."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": title, "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Title": title})
    return re.sub(r"^.*?(?=<svg)", "", buffer.getvalue(), flags=re.DOTALL)

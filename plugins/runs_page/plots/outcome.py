"""What a run came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runs_page.plots.style import Theme, label, legend, new_axes, plain, whole_numbers

MOST_BARS = 12
"""More classes, or reasons, are summed up as one."""


def draw_confidence(counts: Sequence[int], theme: Theme, size: str) -> Any:
    """Images by probability: how sure the model was. counts: of equally wide bins from 0 to 1."""
    figure, axes = new_axes(theme, size)
    width = 1 / len(counts)
    axes.bar([(index + 0.5) * width for index in range(len(counts))], counts, width * 0.9, color=theme.main)
    axes.set_xlim(0, 1)
    whole_numbers(axes)
    label(axes, theme, "probability in the predictions", "images")
    return figure


def draw_confusion(cells: Sequence[tuple[str, str, int]], theme: Theme, size: str) -> Any:
    """cells: label in the path, prediction, images."""
    total: dict[str, int] = {}
    for known, _, count in cells:
        total[known] = total.get(known, 0) + count
    labels = sorted(total, key=lambda name: -total[name])[:MOST_BARS]
    labels = [name for name in total if name in labels]
    counts = {(known, prediction): count for known, prediction, count in cells}
    rows = [[counts.get((known, prediction), 0) for prediction in labels] for known in labels]
    figure, axes = new_axes(theme, size, 300)
    axes.grid(visible=False)
    axes.imshow(rows, cmap=theme.map, vmin=0)
    names = [plain(name) for name in labels]
    axes.set_xticks(range(len(labels)), names, rotation=45 if len(labels) > 3 else 0)
    axes.set_yticks(range(len(labels)), names)
    label(axes, theme, "predicted", "label in the path")
    _write_counts(axes, rows, theme)
    return figure


def _write_counts(axes: Any, rows: list[list[int]], theme: Theme) -> None:
    highest = max(map(max, rows)) or 1
    small = len(rows) > 6
    for y, row in enumerate(rows):
        for x, count in enumerate(row):
            colour = theme.page if count > highest / 2 else theme.ink
            axes.text(x, y, f"{count:,}", ha="center", va="center", color=colour, fontsize=7 if small else 11)


def draw_classes(balance: tuple[Mapping[str, int], Mapping[str, int]], theme: Theme, size: str) -> Any:
    """Share of each label in this run, and in the run that was published before (empty: there was none)."""
    now, before = (fold(counts) for counts in balance)
    names = list(reversed(now))
    figure, axes = new_axes(theme, size, _height(len(names), 2 if before else 1))
    axes.grid(visible=False)
    thick = 0.38 if before else 0.7
    for counts, offset, style, text in (
        (now, thick / 2 if before else 0, {"color": theme.main}, "this run"),
        (before, -thick / 2, {"facecolor": "none", "edgecolor": theme.quiet, "hatch": "////"}, "published before"),
    ):
        if counts:
            shares = _shares(counts, names)
            places = [index + offset for index in range(len(names))]
            bars = axes.barh(places, shares, thick, label=text, **style)
            axes.bar_label(bars, [f"{value:.1f}%" for value in shares], padding=3, color=theme.ink, fontsize=9)
    axes.set_yticks(range(len(names)), [plain(name) for name in names])
    axes.set_xlim(0, 118)
    axes.set_xticks([0, 25, 50, 75, 100])
    label(axes, theme, "% of the predicted images", "")
    if before:
        legend(axes, theme, 2)
    return figure


def draw_reasons(reasons: Mapping[str, int], theme: Theme, size: str) -> Any:
    """Error rows by reason."""
    counts = fold(reasons)
    names = list(reversed(counts))
    figure, axes = new_axes(theme, size, _height(len(names), 1))
    axes.grid(visible=False)
    bars = axes.barh(range(len(names)), [counts[name] for name in names], 0.7, color=theme.bad)
    axes.bar_label(bars, [f"{counts[name]:,}" for name in names], padding=3, color=theme.ink, fontsize=9)
    axes.set_yticks(range(len(names)), [plain(name) for name in names])
    axes.margins(x=0.15)
    whole_numbers(axes, "x")
    label(axes, theme, "images", "")
    return figure


def fold(counts: Mapping[str, int]) -> dict[str, int]:
    """At most MOST_BARS of them, in their order; the small ones together."""
    if len(counts) <= MOST_BARS:
        return dict(counts)
    largest = sorted(counts, key=lambda name: -counts[name])[: MOST_BARS - 1]
    rest = sum(counts.values()) - sum(counts[name] for name in largest)
    return {**{name: counts[name] for name in largest}, f"{len(counts) - len(largest)} others": rest}


def _shares(counts: Mapping[str, int], names: Sequence[str]) -> list[float]:
    total = sum(counts.values()) or 1
    return [100 * counts.get(name, 0) / total for name in names]


def _height(bars: int, each: int) -> int:
    return 110 + bars * (26 if each == 1 else 46)

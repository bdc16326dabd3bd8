"""The result of a run: classes, confidence, confusion, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from run_contract.formatting import count, share
from run_contract.records.metrics import ConfusionCell
from runs_page.plots.style import Theme, label, legend, new_axes, plain, whole_numbers

MAX_BARS = 12
"""More classes, or reasons, are drawn as one bar."""
DESCRIBED = 16


class ClassBalance(NamedTuple):
    """Images of each label in this run, and in the run that was published before; empty when there was none."""

    counts: Mapping[str, int]
    published: Mapping[str, int]


def draw_confidence(counts: Sequence[int], theme: Theme, size: str) -> Any:
    """Draw how many images have which probability. counts: in bins of equal width from 0 to 1."""
    figure, axes = new_axes(theme, size)
    width = 1 / len(counts)
    axes.bar([(index + 0.5) * width for index in range(len(counts))], counts, width * 0.9, color=theme.main)
    axes.set_xlim(0, 1)
    whole_numbers(axes)
    label(axes, theme, "predicted probability", "images")
    return figure


def describe_confidence(counts: Sequence[int]) -> str:
    return f"{counts[0]:,} images in the lowest of {len(counts)} bins, {counts[-1]:,} in the highest"


def draw_confusion(cells: Sequence[ConfusionCell], theme: Theme, size: str) -> Any:
    total: dict[str, int] = {}
    for cell in cells:
        total[cell.label] = total.get(cell.label, 0) + cell.count
    labels = sorted(total, key=lambda name: -total[name])[:MAX_BARS]
    labels = [name for name in total if name in labels]
    counts = {(cell.label, cell.prediction): cell.count for cell in cells}
    rows = [[counts.get((known, prediction), 0) for prediction in labels] for known in labels]
    figure, axes = new_axes(theme, size, 300)
    axes.grid(visible=False)
    axes.imshow(rows, cmap=theme.map, vmin=0)
    names = [plain(name) for name in labels]
    axes.set_xticks(range(len(labels)), names, rotation=45 if len(labels) > 3 else 0)
    axes.set_yticks(range(len(labels)), names)
    label(axes, theme, "predicted", "label from the path")
    _write_counts(axes, rows, theme)
    return figure


def _write_counts(axes: Any, rows: list[list[int]], theme: Theme) -> None:
    highest = max(map(max, rows)) or 1
    small = len(rows) > 6
    for y, row in enumerate(rows):
        for x, images in enumerate(row):
            colour = theme.page if images > highest / 2 else theme.ink
            axes.text(x, y, count(images), ha="center", va="center", color=colour, fontsize=7 if small else 11)


def describe_confusion(cells: Sequence[ConfusionCell]) -> str:
    return ", ".join(f"{cell.label} predicted as {cell.prediction} {cell.count:,}" for cell in cells[:DESCRIBED])


def draw_classes(balance: ClassBalance, theme: Theme, size: str) -> Any:
    """Draw the share of each label in this run and in the run that was published before."""
    now, before = fold(balance.counts), fold(balance.published)
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
            bars = axes.barh(places, [100 * part for part in shares], thick, label=text, **style)
            axes.bar_label(bars, [share(part) for part in shares], padding=3, color=theme.ink, fontsize=9)
    axes.set_yticks(range(len(names)), [plain(name) for name in names])
    axes.set_xlim(0, 118)
    axes.set_xticks([0, 25, 50, 75, 100])
    label(axes, theme, "% of the predicted images", "")
    if before:
        legend(axes, theme, 2)
    return figure


def describe_classes(balance: ClassBalance) -> str:
    names = list(balance.counts)
    shares = zip(names, _shares(balance.counts, names), strict=True)
    return ", ".join(f"{name} {share(part)}" for name, part in list(shares)[:DESCRIBED])


def draw_reasons(reasons: Mapping[str, int], theme: Theme, size: str) -> Any:
    """Draw how many images have an error of each reason."""
    counts = fold(reasons)
    names = list(reversed(counts))
    figure, axes = new_axes(theme, size, _height(len(names), 1))
    axes.grid(visible=False)
    bars = axes.barh(range(len(names)), [counts[name] for name in names], 0.7, color=theme.bad)
    axes.bar_label(bars, [count(counts[name]) for name in names], padding=3, color=theme.ink, fontsize=9)
    axes.set_yticks(range(len(names)), [plain(name) for name in names])
    axes.margins(x=0.15)
    whole_numbers(axes, "x")
    label(axes, theme, "images", "")
    return figure


def describe_reasons(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {images:,}" for name, images in list(reasons.items())[:DESCRIBED])


def fold(counts: Mapping[str, int]) -> dict[str, int]:
    """Return at most MAX_BARS of the counts, in their order, with the sum of the small ones as the last."""
    if len(counts) <= MAX_BARS:
        return dict(counts)
    largest = sorted(counts, key=lambda name: -counts[name])[: MAX_BARS - 1]
    rest = sum(counts.values()) - sum(counts[name] for name in largest)
    return {**{name: counts[name] for name in largest}, f"{len(counts) - len(largest)} others": rest}


def _shares(counts: Mapping[str, int], names: Sequence[str]) -> list[float]:
    total = sum(counts.values()) or 1
    return [counts.get(name, 0) / total for name in names]


def _height(bars: int, each: int) -> int:
    return 110 + bars * (26 if each == 1 else 46)

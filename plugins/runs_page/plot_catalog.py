"""Which plots there are, what each of them shows, and the same in words."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

from runs_page.plots import burn_up, outcome, trend
from runs_page.plots.series import accuracies, durations, errors, forecast_errors, label_share, throughputs
from runs_page.plots.style import THEMES, to_svg
from runs_page.records import unless_damaged
from runs_page.run_data import RunData
from runs_page.run_plots import burn_up_of, cells_of, classes_of, describe_counts, describe_shares

Draw = Callable[..., Any]
Describe = Callable[[Any], str]


@dataclass(frozen=True)
class PlotSpec:
    """extract: the data to draw, from RunData or from lines of the history; None when there is nothing to draw."""

    title: str
    extract: Callable[[Any], Any]
    draw: Draw
    describe: Describe
    full_width: bool = False


@dataclass(frozen=True)
class Plot:
    """A plot with its data. version: differs when the image differs."""

    name: str
    spec: PlotSpec
    data: Any

    @property
    def version(self) -> str:
        return f"{zlib.crc32(repr(self.data).encode()):08x}"

    @property
    def alt(self) -> str:
        return f"{self.spec.title}: {self.spec.describe(self.data)}"

    def svg(self, theme: str, size: str) -> str:
        return _draw(self.name, self.spec, _CacheKey(self.version, self.data), theme, size)


@dataclass(frozen=True)
class _CacheKey:
    """The data of a plot as a key of the cache, by its version."""

    version: str
    data: Any

    def __hash__(self) -> int:
        return hash(self.version)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _CacheKey) and self.version == other.version


def _marked(series: Callable[..., Any]) -> Callable[[RunData], Any]:
    """The series of the last runs with the run itself marked."""
    return lambda run_data: series(run_data.history[-30:], run_data.paths.run_key) if run_data.metrics else None


RUN_PLOTS: Mapping[str, PlotSpec] = {
    "burn_up": PlotSpec("Rows over time", burn_up_of, burn_up.draw_burn_up, burn_up.describe_burn_up, full_width=True),
    "classes": PlotSpec("Class balance", classes_of, outcome.draw_classes, lambda both: describe_shares(both[0])),
    "confidence": PlotSpec(
        "Confidence",
        lambda run_data: tuple(run_data.metrics["probability_histogram"]),
        outcome.draw_confidence,
        lambda counts: f"{counts[0]:,} images in the lowest of {len(counts)} bins, {counts[-1]:,} in the highest",
    ),
    "confusion": PlotSpec(
        "Confusion matrix",
        cells_of,
        outcome.draw_confusion,
        lambda cells: ", ".join(f"{known} taken for {prediction} {count:,}" for known, prediction, count in cells[:16]),
    ),
    "reasons": PlotSpec(
        "Error reasons",
        lambda run_data: run_data.metrics["errors_by_reason"] or None,
        outcome.draw_reasons,
        describe_counts,
    ),
    "throughput": PlotSpec(
        "Throughput against history", _marked(throughputs), trend.draw_throughput, lambda series: series.words
    ),
    "durations": PlotSpec(
        "Time against forecast and interval", _marked(durations), trend.draw_durations, lambda both: both.took.words
    ),
}

HISTORY_PLOTS: Mapping[str, PlotSpec] = {
    "durations": PlotSpec(
        "Time against the interval", durations, trend.draw_durations, lambda both: both.took.words, full_width=True
    ),
    "throughput": PlotSpec("Throughput per core", throughputs, trend.draw_throughput, lambda series: series.words),
    "accuracy": PlotSpec("Accuracy", accuracies, trend.draw_accuracy, lambda series: series.words),
    "balance": PlotSpec("Class balance", label_share, trend.draw_share, lambda series: series.words),
    "errors": PlotSpec("Errors", errors, trend.draw_errors, lambda series: series.words),
    "forecast_errors": PlotSpec(
        "Forecast error", forecast_errors, trend.draw_forecast_errors, lambda series: series.words
    ),
}


def make_plots(specs: Mapping[str, PlotSpec], source: Any) -> list[Plot]:
    """Return the plots for which `source` has data."""
    return [plot for name in specs if (plot := make_plot(specs, name, source))]


@unless_damaged(None)
def make_plot(specs: Mapping[str, PlotSpec], name: str, source: Any) -> Plot | None:
    """Return the plot `name`, or None when `source` has no data for it."""
    spec = specs[name]
    data = spec.extract(source)
    if data is None:
        return None
    plot = Plot(name, spec, data)
    return plot if plot.alt else None  # data that cannot be described cannot be drawn


_drawing = Lock()
"""Matplotlib's settings and its cache of fonts are shared by all threads."""


@lru_cache(maxsize=64)
def _draw(name: str, spec: PlotSpec, key: _CacheKey, theme: str, size: str) -> str:
    with _drawing:
        return to_svg(spec.draw(key.data, THEMES[theme], size), f"{spec.title} ({name}, {theme})")

"""The plots of the pages: what each shows, and a description of it in words."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

from runs_page.plots import burn_up, outcome, series, trend
from runs_page.plots.style import THEMES, to_svg
from runs_page.run_plots import (
    burn_up_data,
    class_data,
    confidence_data,
    confusion_data,
    reason_data,
    with_earlier_runs,
)
from runs_page.tolerance import unless_damaged


@dataclass(frozen=True)
class PlotSpec:
    """extract: from RunData, or from the records of the history, to the data to draw; None when there is none.

    draw: from the data, a Theme and a size to a figure. describe: from the data to words.
    """

    title: str
    extract: Callable[[Any], Any]
    draw: Callable[..., Any]
    describe: Callable[[Any], str]
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
        """The title and the description, for readers who do not see the plot."""
        return f"{self.spec.title}: {self.spec.describe(self.data)}"

    @unless_damaged("")
    def svg(self, theme: str, size: str) -> str:
        """Return the plot as an <svg> element, empty when it cannot be drawn.

        theme: a key of THEMES; size: a key of WIDTHS.
        """
        return _draw(self.name, self.spec, _CacheKey(self.version, self.data), theme, size)


@dataclass(frozen=True)
class _CacheKey:
    """The data of a plot, hashed and compared by its version."""

    version: str
    data: Any

    def __hash__(self) -> int:
        return hash(self.version)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _CacheKey) and self.version == other.version


RUN_PLOTS: Mapping[str, PlotSpec] = {
    "burn_up": PlotSpec(
        "Images over time", burn_up_data, burn_up.draw_burn_up, burn_up.describe_burn_up, full_width=True
    ),
    "classes": PlotSpec("Class balance", class_data, outcome.draw_classes, outcome.describe_classes),
    "confidence": PlotSpec("Confidence", confidence_data, outcome.draw_confidence, outcome.describe_confidence),
    "confusion": PlotSpec("Confusion matrix", confusion_data, outcome.draw_confusion, outcome.describe_confusion),
    "reasons": PlotSpec("Error reasons", reason_data, outcome.draw_reasons, outcome.describe_reasons),
    "throughput": PlotSpec(
        "Throughput of this and earlier runs",
        with_earlier_runs(series.throughputs),
        trend.draw_throughput,
        trend.describe_series,
    ),
    "durations": PlotSpec(
        "Prediction time, forecast and interval",
        with_earlier_runs(series.durations),
        trend.draw_durations,
        trend.describe_durations,
    ),
}

HISTORY_PLOTS: Mapping[str, PlotSpec] = {
    "durations": PlotSpec(
        "Prediction time and interval",
        series.durations,
        trend.draw_durations,
        trend.describe_durations,
        full_width=True,
    ),
    "throughput": PlotSpec("Throughput per core", series.throughputs, trend.draw_throughput, trend.describe_series),
    "accuracy": PlotSpec("Accuracy", series.accuracies, trend.draw_accuracy, trend.describe_series),
    "balance": PlotSpec("Class balance", series.label_shares, trend.draw_share, trend.describe_series),
    "errors": PlotSpec("Errors", series.error_shares, trend.draw_errors, trend.describe_series),
    "forecast_errors": PlotSpec(
        "Forecast error", series.forecast_errors, trend.draw_forecast_errors, trend.describe_series
    ),
}


def make_plots(specs: Mapping[str, PlotSpec], source: Any) -> list[Plot]:
    """Return the plots for which `source` has data."""
    return [plot for name in specs if (plot := make_plot(specs, name, source))]


def make_plot(specs: Mapping[str, PlotSpec], name: str, source: Any) -> Plot | None:
    """Return the plot `name`, or None when `source` has no data for it."""
    data = specs[name].extract(source)
    return None if data is None else Plot(name, specs[name], data)


_drawing = Lock()
"""Matplotlib's settings and its cache of fonts are shared by all threads."""


@lru_cache(maxsize=64)
def _draw(name: str, spec: PlotSpec, key: _CacheKey, theme: str, size: str) -> str:
    with _drawing:
        return to_svg(spec.draw(key.data, THEMES[theme], size), f"{spec.title} ({name}, {theme})")

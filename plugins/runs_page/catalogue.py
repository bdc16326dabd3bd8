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
from runs_page.records import unless_garbled
from runs_page.run_data import Scene
from runs_page.run_plots import burn_up_of, cells_of, classes_of, describe_counts, describe_shares

Draw = Callable[..., Any]
Describe = Callable[[Any], str]


@dataclass(frozen=True)
class Plot:
    """find: the record that is drawn, of a scene or of lines of the history; None when there is nothing to draw."""

    title: str
    find: Callable[[Any], Any]
    draw: Draw
    describe: Describe
    full: bool = False


@dataclass(frozen=True)
class Found:
    """A plot with its record. version: another one for another picture."""

    name: str
    plot: Plot
    record: Any

    @property
    def version(self) -> str:
        return f"{zlib.crc32(repr(self.record).encode()):08x}"

    @property
    def alt(self) -> str:
        return f"{self.plot.title}: {self.plot.describe(self.record)}"

    def svg(self, theme: str, size: str) -> str:
        return _draw(self.name, self.plot, _Same(self.version, self.record), theme, size)


@dataclass(frozen=True)
class _Same:
    """A record for the cache, by its version."""

    version: str
    record: Any

    def __hash__(self) -> int:
        return hash(self.version)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.version == other.version


def _marked(series: Callable[..., Any]) -> Callable[[Scene], Any]:
    """The series of the last runs with the run itself marked."""
    return lambda scene: series(scene.history[-30:], scene.paths.run_key) if scene.metrics else None


RUN_PLOTS: Mapping[str, Plot] = {
    "burn_up": Plot("Rows over time", burn_up_of, burn_up.draw_burn_up, burn_up.describe_burn_up, full=True),
    "classes": Plot("Class balance", classes_of, outcome.draw_classes, lambda both: describe_shares(both[0])),
    "confidence": Plot(
        "Confidence",
        lambda scene: tuple(scene.metrics["probability_histogram"]),
        outcome.draw_confidence,
        lambda counts: f"{counts[0]:,} images in the lowest of {len(counts)} bins, {counts[-1]:,} in the highest",
    ),
    "confusion": Plot(
        "Confusion matrix",
        cells_of,
        outcome.draw_confusion,
        lambda cells: ", ".join(f"{known} taken for {prediction} {count:,}" for known, prediction, count in cells[:16]),
    ),
    "reasons": Plot(
        "Error reasons", lambda scene: scene.metrics["errors_by_reason"] or None, outcome.draw_reasons, describe_counts
    ),
    "throughput": Plot(
        "Throughput against history", _marked(throughputs), trend.draw_throughput, lambda series: series.words
    ),
    "durations": Plot(
        "Time against forecast and interval", _marked(durations), trend.draw_durations, lambda both: both.took.words
    ),
}

HISTORY_PLOTS: Mapping[str, Plot] = {
    "durations": Plot(
        "Time against the interval", durations, trend.draw_durations, lambda both: both.took.words, full=True
    ),
    "throughput": Plot("Throughput per core", throughputs, trend.draw_throughput, lambda series: series.words),
    "accuracy": Plot("Accuracy", accuracies, trend.draw_accuracy, lambda series: series.words),
    "balance": Plot("Class balance", label_share, trend.draw_share, lambda series: series.words),
    "errors": Plot("Errors", errors, trend.draw_errors, lambda series: series.words),
    "forecast_errors": Plot("Forecast error", forecast_errors, trend.draw_forecast_errors, lambda series: series.words),
}


def find_plots(plots: Mapping[str, Plot], source: Any) -> list[Found]:
    """Those that there is something to draw for."""
    return [found for name in plots if (found := find_plot(plots, name, source))]


@unless_garbled(None)
def find_plot(plots: Mapping[str, Plot], name: str, source: Any) -> Found | None:
    plot = plots[name]
    record = plot.find(source)
    if record is None:
        return None
    found = Found(name, plot, record)
    return found if found.alt else None  # words that cannot be found tell of a record that cannot be drawn


_drawing = Lock()
"""Matplotlib's settings and its cache of fonts are shared by all threads."""


@lru_cache(maxsize=64)
def _draw(name: str, plot: Plot, same: _Same, theme: str, size: str) -> str:
    with _drawing:
        return to_svg(plot.draw(same.record, THEMES[theme], size), f"{plot.title} ({name}, {theme})")

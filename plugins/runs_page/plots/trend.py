"""Runs over time, the oldest first. Each point is a run; the run of the page has a larger marker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from run_contract.formatting import change, duration, rate
from runs_page.plots.style import DEADLINE_DASHES, Theme, label, legend, new_axes

LOG_ABOVE = 15.0
"""When the interval is more than this many times as long as the runs, only a logarithmic axis shows both."""

TICKS = {"narrow": 2, "wide": 3, "full": 5}
ROUND_SECONDS = (1, 10, 60, 600, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400)
LINEAR_STEPS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 2 * 3600, 6 * 3600, 12 * 3600, 86_400, 7 * 86_400)
MAX_TIME_TICKS = 6


@dataclass(frozen=True)
class Series:
    """names: of the runs, as the axis shows them. values: of the runs, None where unknown. marked: index of a run."""

    names: tuple[str, ...]
    values: tuple[float | None, ...]
    marked: int | None = None


@dataclass(frozen=True)
class Durations:
    """Of each run, in seconds: the time of predict, the forecast (P50) of its plan, and its interval."""

    took: Series
    expected: tuple[float | None, ...]
    intervals: tuple[float | None, ...]


def describe_series(series: Series) -> str:
    known = [value for value in series.values if value is not None]
    shown = series.values[-1] if series.marked is None else series.values[series.marked]
    now = "unknown" if shown is None else f"{shown:,.4g}"
    which = "the newest run" if series.marked is None else "this run"
    return f"{now} in {which}, {min(known):,.4g} to {max(known):,.4g} in {len(known)} runs"


def describe_durations(data: Durations) -> str:
    return f"in seconds, {describe_series(data.took)}"


def draw_durations(data: Durations, theme: Theme, size: str) -> Any:
    figure, axes = new_axes(theme, size)
    _line(axes, data.took, theme, "actual")
    places = range(len(data.expected))
    axes.plot(*_known(places, data.expected), "x", color=theme.quiet, markersize=5, label="forecast (P50)")
    style = {"color": theme.bad, "linewidth": 2, "linestyle": DEADLINE_DASHES}
    axes.plot(*_known(places, data.intervals), **style, drawstyle="steps-mid", label="interval")
    took, intervals = _known(places, data.took.values)[1], _known(places, data.intervals)[1]
    if took and intervals and max(intervals) > LOG_ABOVE * max(took):
        _logarithmic(axes, min(took), max(intervals))
    else:
        _linear(axes, max([*took, *intervals, *_known(places, data.expected)[1]], default=0.0))
    _finish(axes, data.took, theme, "prediction time", duration, size)
    legend(axes, theme, 2 if size == "narrow" else 4)
    return figure


def _logarithmic(axes: Any, least: float, most: float) -> None:
    from matplotlib.ticker import NullLocator

    axes.set_yscale("log")
    axes.set_ylim(least / 3, most * 3)
    axes.set_yticks([seconds for seconds in ROUND_SECONDS if least / 3 <= seconds <= most * 3])
    axes.yaxis.set_minor_locator(NullLocator())


def _linear(axes: Any, most: float) -> None:
    from matplotlib.ticker import MultipleLocator

    axes.set_ylim(bottom=0)
    step = next((seconds for seconds in LINEAR_STEPS if most < seconds * MAX_TIME_TICKS), None)
    if step:
        axes.yaxis.set_major_locator(MultipleLocator(step))


def draw_throughput(series: Series, theme: Theme, size: str) -> Any:
    return _draw(series, theme, size, "images per second per core", rate)


def draw_accuracy(series: Series, theme: Theme, size: str) -> Any:
    return _draw(series, theme, size, "% of labeled images correct", lambda value: f"{value:.4g}", from_zero=False)


def draw_errors(series: Series, theme: Theme, size: str) -> Any:
    return _draw(series, theme, size, "% of images with an error", lambda value: f"{value:.3g}")


def draw_share(series: Series, theme: Theme, size: str) -> Any:
    return _draw(series, theme, size, "% with the most frequent label", lambda value: f"{value:.3g}")


def draw_forecast_errors(series: Series, theme: Theme, size: str) -> Any:
    figure, axes = new_axes(theme, size)
    axes.axhline(0, color=theme.quiet, linewidth=1)
    places, values = _known(range(len(series.values)), series.values)
    axes.vlines(places, 0, values, color=theme.main, linewidth=1.5)
    _line(axes, series, theme, "", "")
    axes.margins(y=0.2)
    _finish(axes, series, theme, "longer than forecast", lambda value: change(value / 100), size)
    return figure


def _draw(
    series: Series, theme: Theme, size: str, what: str, write: Callable[[float], str], from_zero: bool = True
) -> Any:
    figure, axes = new_axes(theme, size)
    _line(axes, series, theme, "")
    if from_zero:
        values = _known(range(len(series.values)), series.values)[1]
        axes.set_ylim(0, max(values, default=0) * 1.15 or 1)
    else:
        axes.margins(y=0.3)
    _finish(axes, series, theme, what, write, size)
    return figure


def _line(axes: Any, series: Series, theme: Theme, text: str, line: str = "-") -> None:
    places, values = _known(range(len(series.values)), series.values)
    marker = "o" if len(places) < 60 else ""
    axes.plot(places, values, line, color=theme.main, linewidth=1.8, marker=marker, markersize=4, label=text or "_")
    if series.marked is not None and series.values[series.marked] is not None:
        style = {"color": theme.main, "markersize": 11, "markeredgecolor": theme.page, "markeredgewidth": 1.5}
        axes.plot([series.marked], [series.values[series.marked]], "D", **style, label="this run" if text else "_")


def _finish(axes: Any, series: Series, theme: Theme, what: str, write: Callable[[float], str], size: str) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    count = len(series.names)
    steps = TICKS[size] - 1
    shown = sorted({round(step * (count - 1) / steps) for step in range(steps + 1)})
    axes.set_xticks(shown, [series.names[place] for place in shown])
    axes.set_xlim(-0.5, max(count - 0.5, 0.5))
    label(axes, theme, "run" if size == "narrow" else "run (newest on the right)", what)


def _known(places: Sequence[int], values: Sequence[float | None]) -> tuple[list[int], list[float]]:
    pairs = [(place, value) for place, value in zip(places, values, strict=True) if value is not None]
    return [place for place, _ in pairs], [value for _, value in pairs]

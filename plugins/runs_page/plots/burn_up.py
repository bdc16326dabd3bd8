"""The images that are done over time, the forecast of the rest, and the deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from run_contract.formatting import clock, count, duration
from runs_page.plots.style import DEADLINE_DASHES, Theme, hatched, label, legend, new_axes, whole_numbers

REACH = 2.0
"""A deadline that is further away than this many lengths of the run is written, not drawn: it would leave no room."""

Samples = tuple[tuple[float, float], ...]
"""Pairs of Unix time in seconds and images done, in order."""


@dataclass(frozen=True)
class BurnUp:
    """forecast: the moments of P10, P50 and P90; None after the run, and before anything is known. planned: the moments
    of P50 and P90 in the plan. All moments are UTC."""

    samples: Samples
    total: int
    now: datetime
    forecast: tuple[datetime, datetime, datetime] | None
    planned: tuple[datetime, datetime] | None
    deadline: datetime | None

    @property
    def start(self) -> datetime:
        return datetime.fromtimestamp(self.samples[0][0], UTC) if self.samples else self.now

    @property
    def done(self) -> float:
        return self.samples[-1][1] if self.samples else 0

    @property
    def end(self) -> datetime:
        """The last moment of the run itself, its forecast and its plan."""
        last = datetime.fromtimestamp(self.samples[-1][0], UTC) if self.samples else self.now
        moments: list[datetime] = [last, *(self.forecast or ()), *(self.planned or ())]
        return max(moments)


def describe_burn_up(data: BurnUp) -> str:
    parts = [f"{data.done:,.0f} of {count(data.total, 'image')}"]
    if data.forecast:
        parts.append(f"all of them by {clock(data.forecast[1], data.now)} (P50)")
        parts.append(f"{clock(data.forecast[2], data.now)} (P90)")
    if data.deadline:
        parts.append(f"deadline {clock(data.deadline, data.now)}")
    return ", ".join(parts)


def draw_burn_up(data: BurnUp, theme: Theme, size: str) -> Any:
    figure, axes = new_axes(theme, size, 300 if size != "narrow" else 260)
    _draw_plan(axes, data, theme)
    moments = [datetime.fromtimestamp(seconds, UTC) for seconds, _ in data.samples]
    images = [done for _, done in data.samples]
    if data.forecast:
        _draw_forecast(axes, data, data.forecast, theme)
        moments, images = [*moments, data.now], [*images, data.done]
    axes.plot(moments, images, color=theme.main, linewidth=2.5, drawstyle="steps-post", label="images done")
    axes.axhline(data.total, color=theme.quiet, linewidth=0.8, linestyle=(0, (1, 2)))
    axes.set_ylim(0, data.total * 1.04 or 1)
    whole_numbers(axes)
    label(axes, theme, f"{data.start:%-d %b}, UTC{_draw_deadline(axes, data, theme)}", "images")
    _draw_clock_axis(axes, data)
    legend(axes, theme, 2 if size == "narrow" else 4)
    return figure


def _draw_forecast(axes: Any, data: BurnUp, forecast: tuple[datetime, datetime, datetime], theme: Theme) -> None:
    early, middle, late = forecast
    moments, images = [data.now, early, late], [data.done, data.total, data.total]
    axes.fill(moments, images, **hatched(theme.main, "///"), label="P10 to P90")
    line = {"linewidth": 1.5, "linestyle": "--", "marker": "o", "markevery": [1], "markersize": 5}
    axes.plot([data.now, middle], [data.done, data.total], color=theme.main, label="forecast (P50)", **line)


def _draw_plan(axes: Any, data: BurnUp, theme: Theme) -> None:
    if data.planned:
        axes.axvspan(*data.planned, **hatched(theme.other, "..."), label="planned P50 to P90")


def _draw_deadline(axes: Any, data: BurnUp, theme: Theme) -> str:
    """Draw the deadline, or return where it is when it is too far away."""
    if data.deadline is None:
        return ""
    length = data.end - data.start
    if data.start - length <= data.deadline <= data.end + REACH * length:
        style = {"color": theme.bad, "linewidth": 2, "linestyle": DEADLINE_DASHES}
        axes.axvline(data.deadline, label="deadline", **style)
        return ""
    away = (data.deadline - data.end).total_seconds()
    return f"; deadline {duration(away)} later" if away > 0 else f"; deadline {duration(-away)} earlier"


def _draw_clock_axis(axes: Any, data: BurnUp) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter

    axes.margins(x=0.02)
    if data.end - data.start < timedelta(seconds=2):
        axes.set_xlim(data.start - timedelta(seconds=1), data.end + timedelta(seconds=1))
    left, right = axes.get_xlim()  # days
    pattern = "%H:%M:%S" if right - left < 5 / 1440 else "%H:%M" if right - left < 2 else "%-d %b"
    axes.xaxis.set_major_locator(AutoDateLocator(minticks=3, maxticks=6, tz=UTC))
    axes.xaxis.set_major_formatter(DateFormatter(pattern, tz=UTC))

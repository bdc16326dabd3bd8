"""Rows over time, where they will lead, and when they must be there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from runs_page.plots.style import DEADLINE_DASHES, Theme, hatched, label, legend, new_axes, whole_numbers
from runtime_guard.alerting.alert_text import clock, span

REACH = 2.0
"""A deadline that is further away than this many lengths of the run is written, not drawn: it would leave no room."""


@dataclass(frozen=True)
class BurnUp:
    """samples: (Unix time, rows), in order. forecast: the moments of P10, P50 and P90; None after the run and before
    anything is known. planned: those of P50 and P90 as the plan had them. All UTC."""

    samples: tuple[tuple[float, float], ...]
    total: int
    now: datetime
    forecast: tuple[datetime, datetime, datetime] | None
    planned: tuple[datetime, datetime] | None
    deadline: datetime | None

    @property
    def start(self) -> datetime:
        return datetime.fromtimestamp(self.samples[0][0], UTC) if self.samples else self.now

    @property
    def rows(self) -> float:
        return self.samples[-1][1] if self.samples else 0

    @property
    def last(self) -> datetime:
        """The right end of what is told of the run itself."""
        ends = [datetime.fromtimestamp(self.samples[-1][0], UTC)] if self.samples else [self.now]
        moments: list[datetime] = [*ends, *(self.forecast or ()), *(self.planned or ())]
        return max(moments)


def describe_burn_up(record: BurnUp) -> str:
    """In words, for who does not see the plot."""
    parts = [f"{record.rows:,.0f} of {record.total:,} rows"]
    if record.forecast:
        parts.append(f"all of them by {clock(record.forecast[1], record.now)} (P50)")
        parts.append(f"{clock(record.forecast[2], record.now)} (P90)")
    if record.deadline:
        parts.append(f"due {clock(record.deadline, record.now)}")
    return ", ".join(parts)


def draw_burn_up(record: BurnUp, theme: Theme, size: str) -> Any:
    figure, axes = new_axes(theme, size, 300 if size != "narrow" else 260)
    _planned(axes, record, theme)
    moments = [datetime.fromtimestamp(seconds, UTC) for seconds, _ in record.samples]
    rows = [count for _, count in record.samples]
    if record.forecast:
        _fan(axes, record, theme)
        moments, rows = [*moments, record.now], [*rows, record.rows]
    axes.plot(moments, rows, color=theme.main, linewidth=2.5, drawstyle="steps-post", label="rows predicted")
    axes.axhline(record.total, color=theme.quiet, linewidth=0.8, linestyle=(0, (1, 2)))
    axes.set_ylim(0, record.total * 1.04 or 1)
    whole_numbers(axes)
    label(axes, theme, f"{record.start:%-d %b}, UTC{_deadline(axes, record, theme)}", "rows")
    _clock_axis(axes, record)
    legend(axes, theme, 2 if size == "narrow" else 4)
    return figure


def _fan(axes: Any, record: BurnUp, theme: Theme) -> None:
    early, middle, late = record.forecast  # type: ignore[misc]
    moments, rows = [record.now, early, late], [record.rows, record.total, record.total]
    axes.fill(moments, rows, **hatched(theme.main, "///"), label="P10 to P90")
    line = {"linewidth": 1.5, "linestyle": "--", "marker": "o", "markevery": [1], "markersize": 5}
    axes.plot([record.now, middle], [record.rows, record.total], color=theme.main, label="forecast (P50)", **line)


def _planned(axes: Any, record: BurnUp, theme: Theme) -> None:
    if record.planned:
        axes.axvspan(*record.planned, **hatched(theme.other, "..."), label="plan's P50 to P90")


def _deadline(axes: Any, record: BurnUp, theme: Theme) -> str:
    """Draws it, or, when it is too far off, says where it is."""
    if record.deadline is None:
        return ""
    length = record.last - record.start
    if record.start - length <= record.deadline <= record.last + REACH * length:
        style = {"color": theme.bad, "linewidth": 2, "linestyle": DEADLINE_DASHES}
        axes.axvline(record.deadline, label="deadline", **style)
        return ""
    away = (record.deadline - record.last).total_seconds()
    return f"; deadline {span(away)} later" if away > 0 else f"; deadline {span(-away)} before"


def _clock_axis(axes: Any, record: BurnUp) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter

    axes.margins(x=0.02)
    if record.last - record.start < timedelta(seconds=2):
        axes.set_xlim(record.start - timedelta(seconds=1), record.last + timedelta(seconds=1))
    left, right = axes.get_xlim()  # days
    pattern = "%H:%M:%S" if right - left < 5 / 1440 else "%H:%M" if right - left < 2 else "%-d %b"
    axes.xaxis.set_major_locator(AutoDateLocator(minticks=3, maxticks=6, tz=UTC))
    axes.xaxis.set_major_formatter(DateFormatter(pattern, tz=UTC))

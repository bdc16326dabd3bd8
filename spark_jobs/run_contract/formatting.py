"""Figures as text, the same in logs, alerts, pages, reports and the terminal. Moments are shown in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

UNKNOWN = "–"


def duration(seconds: float | None) -> str:
    """Format a length of time: `7.5 s`, `41 s`, `12 min`, `3 h 5 min`, `24 h`, `11.6 days`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min".removesuffix(" 0 min")
    return f"{seconds / 86400:,.1f} days"


def clock(moment: datetime, now: datetime | None = None) -> str:
    """Format a moment: `19:00 UTC` on the day of `now`, otherwise `2026-11-24 19:00 UTC`."""
    moment = moment.astimezone(UTC)
    if now is not None and moment.date() == now.astimezone(UTC).date():
        return f"{moment:%H:%M} UTC"
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def short_date(moment: datetime | None) -> str:
    """Format a moment for a narrow place: `24 Nov 22:18`."""
    return UNKNOWN if moment is None else f"{moment.astimezone(UTC):%-d %b %H:%M}"


def short_clock(moment: datetime, now: datetime) -> str:
    """Format a moment for a narrow place: `21:40` on the day of `now`, with seconds near it, else `24 Nov 21:40`."""
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    if moment.date() != now.date():
        return short_date(moment)
    return f"{moment:%H:%M:%S}" if abs((moment - now).total_seconds()) < 600 else f"{moment:%H:%M}"


def count(number: float | None, noun: str = "") -> str:
    """Format a number with thousands separators: `1,234`; with a noun `1 worker`, `3 workers`."""
    if number is None:
        return UNKNOWN
    return f"{number:,.0f}" + (f" {noun}{'' if number == 1 else 's'}" if noun else "")


def share(part: float | None, digits: int = 1) -> str:
    """Format a share of one as a percentage: `12.3%`."""
    return UNKNOWN if part is None else f"{part:.{digits}%}"


def rough_share(part: float | None) -> str:
    """Format a share of one as a percentage with two significant digits: `55%`, `0.052%`."""
    return UNKNOWN if part is None else f"{100 * part:.0f}%" if part >= 0.1 else f"{100 * part:.2g}%"


def change(part: float | None) -> str:
    """Format a relative change as a signed percentage: `+7%`."""
    return UNKNOWN if part is None else f"{part:+.0%}"


def rate(number: float | None) -> str:
    """Format a number per second: `1,234`, `52.1`, `0.83`."""
    return UNKNOWN if number is None else f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def one_line(text: str) -> str:
    """Replace control characters and line breaks: the text starts no new log line and controls no terminal."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()

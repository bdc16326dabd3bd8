"""Figures in words, the same on the pages, in the report and in the terminal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from runtime_guard.alerting.alert_text import span

UNKNOWN = "–"


def count(number: float | None) -> str:
    """1,234"""
    return UNKNOWN if number is None else f"{number:,.0f}"


def share(part: float | None, digits: int = 1) -> str:
    """12.3%; of 0 to 1."""
    return UNKNOWN if part is None else f"{part:.{digits}%}"


def moment(when: datetime | None) -> str:
    """24 Nov 22:18, UTC."""
    return UNKNOWN if when is None else f"{when.astimezone(UTC):%-d %b %H:%M}"


def length(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else span(seconds)


FILTERS: dict[str, Callable[..., Any]] = {"count": count, "share": share, "moment": moment, "length": length}

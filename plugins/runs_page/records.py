"""A run's files as the pages read them: one that is missing, half written or garbled is as if it were empty."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D")

BAD_RECORD = (ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError, OSError)
"""What a record raises that is not what it should be."""

LINE_LIMIT = 400


def unless_damaged(default: D) -> Callable[[Callable[P, R]], Callable[P, R | D]]:
    """The function gives `default` where a record that it reads is not what it should be: a page has a gap then."""

    def decorate(function: Callable[P, R]) -> Callable[P, R | D]:
        @wraps(function)
        def tolerant(*args: P.args, **kwargs: P.kwargs) -> R | D:
            try:
                return function(*args, **kwargs)
            except BAD_RECORD as error:
                log.info("%s left out (%s: %s)", function.__qualname__, type(error).__name__, error)
                return default

        return tolerant

    return decorate


def read_record(path: Path) -> Mapping[str, Any]:
    """The JSON object in `path`, empty where there is none."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def read_lines(path: Path, last: int = LINE_LIMIT) -> list[Mapping[str, Any]]:
    """The last of the JSON lines in `path`, without those that are none."""
    try:
        with open(path, "rb") as file:
            lines = deque(file, last)
    except OSError:
        return []
    return [record for line in lines if (record := _parse(line)) is not None]


def _parse(line: bytes) -> Mapping[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None

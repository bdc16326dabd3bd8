"""A figure that cannot be computed leaves a gap in a page and does not break it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D")

DAMAGE = (ValueError, ArithmeticError)
"""What a computation raises on records whose values have the right types but make no sense."""


def unless_damaged(default: D) -> Callable[[Callable[P, R]], Callable[P, R | D]]:
    """Make a function return `default` when its records make no sense, such as a pace of 1e308 seconds per row."""

    def decorate(function: Callable[P, R]) -> Callable[P, R | D]:
        @wraps(function)
        def tolerant(*args: P.args, **kwargs: P.kwargs) -> R | D:
            try:
                return function(*args, **kwargs)
            except DAMAGE as error:
                log.info("%s left out (%s: %s)", function.__qualname__, type(error).__name__, error)
                return default

        return tolerant

    return decorate

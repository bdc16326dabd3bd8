"""Ctrl-C at the wrong moment."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def unstoppable(say: Callable[[str], None]) -> Iterator[None]:
    """Finishes the block whatever signal comes: a second Ctrl-C must not leave half of a stack behind."""

    def wait(*_: object) -> None:
        say("stopping already, a few seconds more")

    before = {number: signal.signal(number, wait) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

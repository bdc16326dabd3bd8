"""Handling of Ctrl-C while a stack ends."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def unstoppable(say: Callable[[str], None]) -> Iterator[None]:
    """Ignore SIGINT and SIGTERM during the block: a second Ctrl-C must not leave half of a stack running."""

    def wait(*_: object) -> None:
        say("already stopping, wait a few seconds")

    before = {number: signal.signal(number, wait) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

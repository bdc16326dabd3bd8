"""Ends a process that makes no progress, even when it hangs inside a C library."""

from __future__ import annotations

import faulthandler
import time

STDERR = 2  # the file descriptor: Spark puts something else in the place of sys.stderr


class Watchdog:
    """Within `with`, ends the process when it is not fed for `seconds`.

    faulthandler's timer is a thread of its own that needs no GIL: it also sees a decoder that holds it for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._fed = 0.0

    def __enter__(self) -> Watchdog:
        self._fed = 0.0
        self.feed()
        return self

    def __exit__(self, *_: object) -> None:
        faulthandler.cancel_dump_traceback_later()

    def feed(self) -> None:
        """Cheap enough for every image: the timer itself is renewed ten times in its period."""
        now = time.monotonic()
        if now - self._fed > self._seconds / 10:
            self._fed = now
            faulthandler.dump_traceback_later(self._seconds, exit=True, file=STDERR)

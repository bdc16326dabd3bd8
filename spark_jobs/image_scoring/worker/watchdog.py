"""End a process that makes no progress, even when it hangs inside a C library."""

from __future__ import annotations

import faulthandler
import time

STDERR = 2  # the file descriptor, because Spark replaces sys.stderr


class Watchdog:
    """Within `with`, ends the process if `feed` is not called for `seconds`.

    faulthandler's timer is a thread of its own that needs no GIL: it works even if a decoder never releases the GIL.
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
        """Restart the timer. Cheap enough for every image: it restarts the timer at most ten times in `seconds`."""
        now = time.monotonic()
        if now - self._fed > self._seconds / 10:
            self._fed = now
            faulthandler.dump_traceback_later(self._seconds, exit=True, file=STDERR)

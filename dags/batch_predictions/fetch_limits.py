"""The limits of a download, and the check of its speed."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """When a download is given up.

    slow_bytes_per_second, slow_for_seconds: the lowest rate, and for how long a slower one is tolerated. idle_seconds:
    the longest wait for a single byte. max_wait_seconds: between two attempts. keep_free_bytes: of the disk.
    """

    max_bytes: int = 2 * 1024**4
    max_seconds: float = 6 * 3600.0
    slow_bytes_per_second: float = 1024.0
    slow_for_seconds: float = 60.0
    idle_seconds: float = 60.0
    attempts: int = 4
    max_wait_seconds: float = 120.0
    max_redirects: int = 5
    keep_free_bytes: int = 256 * 1024**2


class SpeedCheck:
    """Detects a transfer that stays below the lowest rate for too long."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._window_start, self._window_bytes = time.monotonic(), 0

    def add(self, received: int) -> None:
        """received: bytes since the last call."""
        self._window_bytes += received

    def too_slow(self) -> bool:
        """Return whether the window that has just ended was too slow, and start the next one; False within a window."""
        seconds = time.monotonic() - self._window_start
        if seconds < self._limits.slow_for_seconds:
            return False
        slow = self._window_bytes / seconds < self._limits.slow_bytes_per_second
        self._window_start, self._window_bytes = time.monotonic(), 0
        return slow

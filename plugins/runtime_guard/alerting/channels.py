"""Send alerts through channels, each with retries and a time limit."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Thread

from run_contract.formatting import one_line
from runtime_guard.alerting.watched_run import Alert

log = logging.getLogger(__name__)

PAUSES = (0.0, 1.0, 4.0)
"""Seconds before each try."""
SEND_SECONDS = 20.0
"""The longest that one try may block the caller."""


@dataclass(frozen=True)
class Channel:
    """A way to a person.

    send: sends one alert, or raises. configured_in: where to look if it fails.
    """

    name: str
    send: Callable[[Alert], None]
    configured_in: str


def deliver(alerts: Iterable[Alert], channels: Sequence[Channel]) -> None:
    """Send each alert through each channel. If all tries fail, log it in one line; nothing is raised."""
    for alert in alerts:
        for channel in channels:
            _send(channel, alert)


def _send(channel: Channel, alert: Alert) -> None:
    error: Exception | None = None
    for pause in PAUSES:
        time.sleep(pause)
        error = _send_within(SEND_SECONDS, channel, alert)
        if error is None:
            log.info("alert %s: sent by %s", alert.level, channel.name)
            return
    log.warning(
        "alert %s: sending it by %s failed %d times (%s); it is only in the run's record; check the %s",
        alert.level,
        channel.name,
        len(PAUSES),
        describe_error(error),
        channel.configured_in,
    )


def _send_within(seconds: float, channel: Channel, alert: Alert) -> Exception | None:
    """Send in a thread, which is abandoned if it takes longer; return the error, or None."""
    outcome: list[Exception | None] = []

    def run() -> None:
        try:
            channel.send(alert)
            outcome.append(None)
        except Exception as error:
            outcome.append(error)

    thread = Thread(target=run, name="alert", daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome[0] if outcome else TimeoutError(f"no answer within {seconds:g} s")


def describe_error(error: Exception | None) -> str:
    """Return the error as a part of a log line."""
    return one_line(f"{type(error).__name__}: {error}")[:300]

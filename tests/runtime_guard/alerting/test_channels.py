"""Retries and time limits of channels."""

from __future__ import annotations

import logging
import threading

import pytest

from runtime_guard.alerting import channels
from runtime_guard.alerting.channels import Channel, deliver
from runtime_guard.alerting.levels import Level
from runtime_guard.alerting.watched_run import Alert

ALERT = Alert(Level.LATE, "run r: it is late")


class Receiver:
    """Fails the first `failures` times."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.tries = 0
        self.received: list[Alert] = []

    def send(self, alert: Alert) -> None:
        self.tries += 1
        if self.tries <= self.failures:
            raise ConnectionError("refused\nby the server")
        self.received.append(alert)

    def channel(self) -> Channel:
        return Channel("chat", self.send, "settings of the chat")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(channels, "PAUSES", tuple(0.0 for _ in channels.PAUSES))
    caplog.set_level(logging.INFO, channels.__name__)


def test_each_alert_goes_to_each_channel() -> None:
    chat, phone = Receiver(), Receiver()
    recovered = Alert(Level.RECOVERED, "run r: recovered")
    deliver([ALERT, recovered], [chat.channel(), phone.channel()])
    assert chat.received == phone.received == [ALERT, recovered]


def test_a_channel_is_tried_until_it_accepts(caplog: pytest.LogCaptureFixture) -> None:
    chat = Receiver(failures=2)
    deliver([ALERT], [chat.channel()])
    assert chat.received == [ALERT]
    assert [record.getMessage() for record in caplog.records] == ["alert late: sent by chat"]


def test_a_failure_is_one_line_and_the_next_channel_is_tried(caplog: pytest.LogCaptureFixture) -> None:
    broken, sound = Receiver(failures=99), Receiver()
    deliver([ALERT], [broken.channel(), sound.channel()])
    assert (broken.tries, sound.received) == (3, [ALERT])
    assert caplog.records[0].getMessage() == (
        "alert late: sending it by chat failed 3 times (ConnectionError: refused by the server); it is only in the "
        "run's record; check the settings of the chat"
    )


def test_a_channel_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(channels, "SEND_SECONDS", 0.05)
    released = threading.Event()

    def hang(alert: Alert) -> None:
        released.wait(30)

    deliver([ALERT], [Channel("chat", hang, "settings of the chat")])
    released.set()
    assert "failed 3 times (TimeoutError: no answer within 0.05 s)" in caplog.text

"""Alerts to a real mail server and a real web hook, on loopback."""

from __future__ import annotations

import email
import email.policy
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from runtime_guard.airflow.alert_connection import send_alerts
from runtime_guard.alerting import channels
from runtime_guard.alerting.levels import Level
from runtime_guard.alerting.watched_run import Alert
from runtime_guard.batch_run import ALERT_CONNECTION
from tests.runtime_guard.alert_servers import Inbox, mail_server, web_hook

ALERT = Alert(Level.LATE, "run 20260101T000000Z: 41% done; add 3 workers by 19:00 UTC: --scale <spark-worker>=5")

Connect = Callable[..., None]

# Apprise imports it where Python still has that module.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(channels, "PAUSES", tuple(0.0 for _ in channels.PAUSES))
    caplog.set_level(logging.INFO, "runtime_guard")


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    def set_connection(conn_type: str, address: str = "", **extra: Any) -> None:
        host, _, port = address.partition(":")
        record = {"conn_type": conn_type, "host": host, "port": int(port or 0), "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{ALERT_CONNECTION.upper()}", json.dumps(record))

    return set_connection


def connect_mail(connect: Connect, inbox: Inbox) -> None:
    plain = {"disable_ssl": True, "disable_tls": True, "retry_limit": 0}
    connect("smtp", inbox.address, **plain, from_email="guard@example.org", to="night@example.org, day@example.org")


def hook_url(inbox: Inbox) -> dict[str, str]:
    return {"path": f"json://{inbox.address}/alerts", "tag": "alerts"}


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    records = [record for record in caplog.records if record.name.startswith("runtime_guard.")]
    return [(record.levelname, record.getMessage()) for record in records]


def test_an_alert_comes_by_mail(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with mail_server() as inbox:
        connect_mail(connect, inbox)
        send_alerts([ALERT])
    (message,) = (email.message_from_string(text, policy=email.policy.default) for text in inbox.messages)
    assert (message["Subject"], message["From"]) == ("Batch predictions: late", "guard@example.org")
    assert message["To"] == "night@example.org, day@example.org"
    body = message.get_body()
    assert body is not None
    assert body.get_content().strip() == f"<p>{ALERT.text.replace('<', '&lt;').replace('>', '&gt;')}</p>"
    assert logged(caplog) == [("INFO", "alert late: sent by e-mail")]


def test_an_alert_comes_to_every_address_of_apprise(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with web_hook() as chat, web_hook() as phone:
        connect("apprise", config=[hook_url(chat), hook_url(phone)])
        send_alerts([ALERT, Alert(Level.RECOVERED, "all is well")])
    for inbox in (chat, phone):
        assert [(m["title"], m["message"]) for m in inbox.messages] == [
            ("Batch predictions: late", ALERT.text),
            ("Batch predictions: recovered", "all is well"),
        ]
    assert [level for level, _ in logged(caplog)] == ["INFO"] * 4


def test_a_single_address_may_be_given_as_text(connect: Connect) -> None:
    with web_hook() as inbox:
        connect("apprise", config=json.dumps(hook_url(inbox)))
        send_alerts([ALERT])
    assert [message["message"] for message in inbox.messages] == [ALERT.text]


def test_it_is_tried_until_it_is_accepted(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with web_hook(refusals=2) as inbox:
        connect("apprise", config=[hook_url(inbox)])
        send_alerts([ALERT])
    assert (inbox.tries, len(inbox.messages)) == (3, 1)
    assert [level for level, _ in logged(caplog)] == ["INFO"]


def test_the_others_get_it_when_one_fails_three_times(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with web_hook(refusals=99) as broken, web_hook() as sound:
        connect("apprise", config=[hook_url(broken), hook_url(sound)])
        send_alerts([ALERT])
    assert (broken.tries, sound.tries, len(sound.messages)) == (3, 1, 1)
    (warning,) = [message for level, message in logged(caplog) if level == "WARNING"]
    assert warning.startswith("alert late: sending it by JSON failed 3 times (ConnectionError")
    assert warning.endswith(f"check the connection {ALERT_CONNECTION}")
    assert "\n" not in warning


def test_a_mail_server_that_refuses_is_tried_three_times(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with mail_server(refusals=99) as inbox:
        connect_mail(connect, inbox)
        send_alerts([ALERT])
    assert (inbox.tries, inbox.messages) == (3, [])
    ((level, message),) = logged(caplog)
    assert (level, "451" in message, "failed 3 times" in message) == ("WARNING", True, True)


@pytest.mark.parametrize("server", [web_hook, mail_server])
def test_a_server_that_hangs_does_not_block_the_sensor(
    server: Any, connect: Connect, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "SEND_SECONDS", 0.3)
    with server(hangs=True) as inbox:
        if server is mail_server:
            connect_mail(connect, inbox)
        else:
            connect("apprise", config=[hook_url(inbox)])
        send_alerts([ALERT])
        assert inbox.messages == []  # it returned without an answer
    ((level, message),) = logged(caplog)
    assert (level, "no answer within 0.3 s" in message) == ("WARNING", True)


def test_without_a_connection_alerts_are_only_in_the_log_and_the_record(caplog: pytest.LogCaptureFixture) -> None:
    send_alerts([ALERT, ALERT])
    ((level, message),) = logged(caplog)
    assert (level, message.startswith(f"connection {ALERT_CONNECTION}: it does not exist")) == ("INFO", True)


def test_without_an_alert_no_connection_is_needed(caplog: pytest.LogCaptureFixture) -> None:
    send_alerts([])
    assert logged(caplog) == []


@pytest.mark.parametrize(
    ("conn_type", "extra", "cause"),
    [
        ("http", {}, "its type is 'http', expected smtp or apprise"),
        ("smtp", {"from_email": "a@example.org"}, "no `to`"),
        ("apprise", {}, "config"),
        ("apprise", {"config": "no json"}, "JSONDecodeError"),
        ("apprise", {"config": [{"path": "secret-of-no-kind"}]}, "Apprise understands 0 of the 1 addresses"),
    ],
)
def test_a_wrong_connection_is_logged_in_one_line(
    conn_type: str, extra: dict[str, Any], cause: str, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    connect(conn_type, "127.0.0.1:1", **extra)
    send_alerts([ALERT])
    ((level, message),) = logged(caplog)
    assert level == "WARNING"
    assert cause in message
    assert "secret" not in message
    assert "\n" not in message

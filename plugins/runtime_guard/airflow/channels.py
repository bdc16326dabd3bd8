"""Where alerts go beside the task's log and alerts.jsonl: by e-mail or through Apprise, from one Airflow connection."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from threading import Thread
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from runtime_guard.alerting.alert_text import one_line
from runtime_guard.alerting.alerts import Alert

log = logging.getLogger(__name__)

CONNECTION = "batch_predictions_alerts"

PAUSES = (0.0, 1.0, 4.0)
"""Seconds before each try."""
SEND_SECONDS = 20.0
"""The longest that one try may hold the watch."""


@dataclass(frozen=True)
class Channel:
    """send: delivers one alert, or raises."""

    name: str
    send: Callable[[Alert], None]


def deliver(alerts: Iterable[Alert]) -> None:
    """Sends each alert through each channel. One that fails three times is logged in one line; nothing is raised."""
    alerts = list(alerts)
    if not alerts:
        return
    try:
        channels = find_channels()
    except AirflowNotFoundException:
        log.info("connection %s: there is none, so alerts are only in this log and in alerts.jsonl", CONNECTION)
    except Exception as error:
        log.warning("connection %s: it cannot be used (%s); mend it, see the README", CONNECTION, _cause(error))
    else:
        for alert in alerts:
            for channel in channels:
                _send(channel, alert)


def find_channels() -> list[Channel]:
    """The channels of the connection. Raises AirflowNotFoundException without one, ValueError when it is wrong."""
    connection = BaseHook.get_connection(CONNECTION)
    if connection.conn_type == "smtp":
        return [Channel("e-mail", _mail_through(connection))]
    if connection.conn_type == "apprise":
        return [Channel(service.service_name, _notify_through(service)) for service in _services(connection)]
    raise ValueError(f"its type is {connection.conn_type!r}, expected smtp or apprise")


def _mail_through(connection: Any) -> Callable[[Alert], None]:
    """Server, login, TLS and `from_email` are the provider's fields; `to` in the extra is ours."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    recipients = connection.extra_dejson.get("to")
    if not recipients:
        raise ValueError("its extra has no `to`, the address that alerts go to")

    def send(alert: Alert) -> None:
        with SmtpHook(smtp_conn_id=CONNECTION) as hook:
            hook.send_email_smtp(to=recipients, subject=_title(alert), html_content=f"<p>{escape(alert.text)}</p>")

    return send


def _services(connection: Any) -> list[Any]:
    """Each address of the extra `config`; one of them that fails must not send the others' alerts again."""
    from airflow.providers.apprise.hooks.apprise import AppriseHook
    from apprise import Apprise

    hook, every = AppriseHook(apprise_conn_id=CONNECTION), Apprise()
    config = hook.get_config_from_conn(connection)
    hook.set_config_from_conn(connection, every)
    services, given = list(every), len(config) if isinstance(config, list) else 1
    if len(services) < given:
        raise ValueError(f"Apprise understands {len(services)} of the {given} addresses in its extra `config`")
    return services


def _notify_through(service: Any) -> Callable[[Alert], None]:
    from apprise import Apprise, NotifyFormat, NotifyType

    alone = Apprise()
    alone.add(service)

    def send(alert: Alert) -> None:
        # The provider's hook would drop this answer, and with it every failure.
        if not alone.notify(alert.text, _title(alert), notify_type=NotifyType.WARNING, body_format=NotifyFormat.TEXT):
            raise ConnectionError("it was not accepted; Apprise says why above, if it knows")

    return send


def _title(alert: Alert) -> str:
    return f"Batch predictions: {alert.level.replace('_', ' ')}"


def _send(channel: Channel, alert: Alert) -> None:
    error: Exception | None = None
    for pause in PAUSES:
        time.sleep(pause)
        error = _within(SEND_SECONDS, channel.send, alert)
        if error is None:
            log.info("alert %s: told by %s", alert.level, channel.name)
            return
    log.warning(
        "alert %s: %s through the connection %s failed %d times (%s); it is in alerts.jsonl, look at the connection",
        alert.level,
        channel.name,
        CONNECTION,
        len(PAUSES),
        _cause(error),
    )


def _within(seconds: float, send: Callable[[Alert], None], alert: Alert) -> Exception | None:
    """Runs `send` in a thread of its own, which is left behind when it takes longer; what went wrong, or None."""
    outcome: list[Exception | None] = []

    def run() -> None:
        try:
            send(alert)
            outcome.append(None)
        except Exception as error:
            outcome.append(error)

    thread = Thread(target=run, name="alert", daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome[0] if outcome else TimeoutError(f"no answer within {seconds:g} s")


def _cause(error: Exception | None) -> str:
    return one_line(f"{type(error).__name__}: {error}")[:300]

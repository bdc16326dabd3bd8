"""Channels for alerts from an Airflow connection: e-mail, or the services of Apprise."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from runtime_guard.alerting.channels import Channel, deliver, describe_error
from runtime_guard.alerting.watched_run import Alert
from runtime_guard.batch_run import ALERT_CONNECTION, ALERT_SUBJECT

log = logging.getLogger(__name__)

CONFIGURED_IN = f"connection {ALERT_CONNECTION}"


def send_alerts(alerts: Iterable[Alert]) -> None:
    """Send the alerts through the channels of the connection. Failures are logged; nothing is raised."""
    alerts = list(alerts)
    if not alerts:
        return
    try:
        channels = find_channels()
    except AirflowNotFoundException:
        log.info("%s: it does not exist, so alerts are only in this log and in the run's record", CONFIGURED_IN)
    except Exception as error:
        log.warning(
            "%s: it cannot be used (%s); fix it, see docs/alerts-and-forecast.md", CONFIGURED_IN, describe_error(error)
        )
    else:
        deliver(alerts, channels)


def find_channels() -> list[Channel]:
    """Return the channels of the connection. Raises AirflowNotFoundException without one, ValueError if it is wrong."""
    connection = BaseHook.get_connection(ALERT_CONNECTION)
    if connection.conn_type == "smtp":
        return [Channel("e-mail", _mail_through(connection), CONFIGURED_IN)]
    if connection.conn_type == "apprise":
        return [
            Channel(service.service_name, _notify_through(service), CONFIGURED_IN) for service in _services(connection)
        ]
    raise ValueError(f"its type is {connection.conn_type!r}, expected smtp or apprise")


def _mail_through(connection: Any) -> Callable[[Alert], None]:
    """Server, login, TLS and `from_email` are the provider's fields; `to` in the extra is our own."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    recipients = connection.extra_dejson.get("to")
    if not recipients:
        raise ValueError("its extra has no `to`, the address that alerts go to")

    def send(alert: Alert) -> None:
        with SmtpHook(smtp_conn_id=ALERT_CONNECTION) as hook:
            hook.send_email_smtp(to=recipients, subject=_title(alert), html_content=f"<p>{escape(alert.text)}</p>")

    return send


def _services(connection: Any) -> list[Any]:
    """Return each address of the extra `config` alone: if one fails, the alerts of the others are not sent again."""
    from airflow.providers.apprise.hooks.apprise import AppriseHook
    from apprise import Apprise

    hook, every = AppriseHook(apprise_conn_id=ALERT_CONNECTION), Apprise()
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
        # The provider's hook ignores this result, and with it every failure.
        if not alone.notify(alert.text, _title(alert), notify_type=NotifyType.WARNING, body_format=NotifyFormat.TEXT):
            raise ConnectionError("it was not accepted; if Apprise knows the cause, it is in the log above")

    return send


def _title(alert: Alert) -> str:
    return f"{ALERT_SUBJECT}: {alert.level.replace('_', ' ')}"

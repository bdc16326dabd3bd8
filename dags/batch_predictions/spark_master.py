"""Find the Spark master of the connection spark_default, and what it offers, before anything is submitted."""

from __future__ import annotations

import json
import logging
import re
import socket
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from run_contract.errors import BatchPredictionsError, TemporaryError

log = logging.getLogger(__name__)

CONNECTION_ID = "spark_default"
KINDS = ("spark", "yarn", "k8s", "local")
CONNECT_SECONDS = 5.0
WEB_UI_PORT = 8080

# The environment may name a proxy for the internet; a cluster is not behind it.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Capacity:
    """What a run may use. cores: of all workers. executor_cores: of each worker."""

    workers: int
    cores: int
    executor_cores: int


@dataclass(frozen=True)
class SparkMaster:
    """url: in the form that spark-submit expects. web_ui_port: of a standalone master (extra `web-ui-port`)."""

    url: str
    web_ui_port: int = WEB_UI_PORT

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """The host and port of each standalone master; empty for other cluster managers."""
        if not self.url.startswith("spark://"):
            return []
        found = re.findall(r"([^,/:]+)(?::(\d+))?(?:,|$)", self.url.removeprefix("spark://"))
        return [(host, int(port or 7077)) for host, port in found]


def load_spark_master(connection_id: str = CONNECTION_ID) -> SparkMaster:
    """Return the master of the connection.

    Raises BatchPredictionsError if there is no usable connection: the Spark provider would silently use YARN.
    """
    try:
        connection = Connection.get(connection_id)
    except AirflowNotFoundException:
        raise BatchPredictionsError(
            f"connection {connection_id}: it does not exist; create one of type spark with the master's URL, such as "
            f"AIRFLOW_CONN_{connection_id.upper()}='spark://host:7077'"
        ) from None
    host = connection.host or ""
    if connection.conn_type not in KINDS:
        raise BatchPredictionsError(
            f"connection {connection_id}: its type is {connection.conn_type!r}; change it to one of {', '.join(KINDS)}"
        )
    url = host if "://" in host or host.startswith(("yarn", "local")) else f"{connection.conn_type}://{host}"
    if connection.port:
        url = f"{url}:{connection.port}"
    return SparkMaster(url, int(connection.extra_dejson.get("web-ui-port", WEB_UI_PORT)))


def check_reachable(master: SparkMaster) -> None:
    """Raise TemporaryError if no standalone master accepts a connection; other cluster managers are not checked."""
    causes = []
    for address in master.addresses:
        try:
            socket.create_connection(address, CONNECT_SECONDS).close()
            return
        except OSError as error:
            causes.append(error.strerror or str(error))
    if master.addresses:
        raise TemporaryError(
            f"Spark master {master.url}: it does not answer ({'; '.join(causes)}); start it, or correct the connection "
            f"{CONNECTION_ID}"
        )


def find_capacity(master: SparkMaster, workers: int | None) -> Capacity | None:
    """Return what the standalone master offers, limited to `workers`; None if that is unknown.

    It is unknown for other cluster managers, or if the master's web page cannot be read. Source:
    the master's page /json/, https://spark.apache.org/docs/latest/monitoring.html.
    """
    for host, _ in master.addresses:
        try:
            with DIRECT.open(f"http://{host}:{master.web_ui_port}/json/", timeout=CONNECT_SECONDS) as page:
                state = json.load(page)
            alive = [worker["cores"] for worker in state["workers"] if worker["state"] == "ALIVE"]
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:  # or the page of another program
            log.info("Spark master %s: its web page cannot be read (%r), so its workers are unknown", master.url, error)
            continue
        if alive:
            if workers is None or workers >= len(alive):
                return Capacity(len(alive), sum(alive), min(alive))
            return Capacity(workers, workers * min(alive), min(alive))
    return None

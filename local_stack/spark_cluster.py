"""The commands of a Spark standalone master and its workers on loopback."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from local_stack.addresses import Addresses
from local_stack.layout import Layout
from local_stack.ports import LOOPBACK
from local_stack.spark import spark_properties
from local_stack.stack_secrets import load_secrets, write_private

WORKER_MEMORY = "2g"


def write_spark_properties(layout: Layout) -> None:
    """Write the properties file that master, workers and drivers read. It has the secret that they share."""
    write_private(layout.spark_properties, spark_properties(load_secrets(layout).spark, layout.scratch))


def master_command(environment: Mapping[str, str], layout: Layout, addresses: Addresses) -> list[str]:
    """Return the command that starts the master."""
    ports = ["--port", str(addresses.master), "--webui-port", str(addresses.master_web)]
    return _daemon_command(environment, layout, "master.Master", *ports)


def worker_command(
    environment: Mapping[str, str], layout: Layout, addresses: Addresses, number: int, cores: int
) -> list[str]:
    """Return the command that starts worker `number`, from 1, with `cores` cores."""
    size = ["--cores", str(cores), "--memory", WORKER_MEMORY]
    page = ["--webui-port", str(addresses.workers[number - 1])]
    return [*_daemon_command(environment, layout, "worker.Worker", *page, *size), addresses.master_url]


def _daemon_command(environment: Mapping[str, str], layout: Layout, name: str, *words: str) -> list[str]:
    spark_class = [f"{environment['SPARK_HOME']}/bin/spark-class", f"org.apache.spark.deploy.{name}"]
    return [*spark_class, "--host", LOOPBACK, "--properties-file", str(layout.spark_properties), *words]


def alive_workers(addresses: Addresses) -> int | None:
    """Return how many workers have joined the master, or None while it does not answer."""
    try:
        return int(httpx.get(f"{addresses.master_web_url}/json/", timeout=5).json()["aliveworkers"])
    except (httpx.HTTPError, ValueError):
        return None

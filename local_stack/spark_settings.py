"""Settings that all Spark clusters of this project share, local ones and those of containers. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping

# For short-lived JVMs on few cores. Python does the work, so the first JIT compiler (C1) is enough.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"


def shared_properties(secret: str) -> dict[str, str]:
    """Return the properties of master, workers and drivers. secret: by which they authenticate to each other."""
    return {
        "spark.authenticate": "true",
        "spark.authenticate.secret": secret,
        "spark.master.rest.enabled": "false",
        "spark.ui.killEnabled": "false",
        "spark.worker.cleanup.enabled": "true",
    }


def properties_text(settings: Mapping[str, str]) -> str:
    """Return the text of a properties file in the format of spark-defaults.conf."""
    return "".join(f"{key} {value}\n" for key, value in settings.items())

"""What every Spark cluster of this project is told, be it local or of containers. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping

# Short lives on few cores: the first compiler is enough where Python does the work.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"


def shared_properties(secret: str) -> dict[str, str]:
    """For master, workers and drivers alike. secret: what they know each other by."""
    return {
        "spark.authenticate": "true",
        "spark.authenticate.secret": secret,
        "spark.master.rest.enabled": "false",
        "spark.ui.killEnabled": "false",
        "spark.worker.cleanup.enabled": "true",
    }


def properties_text(settings: Mapping[str, str]) -> str:
    """As in spark-defaults.conf."""
    return "".join(f"{key} {value}\n" for key, value in settings.items())

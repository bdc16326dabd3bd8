"""The settings of Spark in a stack: the environment of its processes, and the properties file that all of them read."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from local_stack.options import REPOSITORY
from local_stack.ports import LOOPBACK
from local_stack.spark_settings import JAVA_OPTIONS, properties_text, shared_properties

BINARIES = REPOSITORY / ".venv" / "bin"
FOREIGN = ("AIRFLOW", "SPARK", "PYSPARK", "PYTHON", "HADOOP")


def inherited_environment() -> dict[str, str]:
    """Return the caller's environment without its settings of Airflow, Spark, Hadoop and Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return kept | {"PATH": f"{BINARIES}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def spark_home() -> Path:
    """Return the directory of the installed pyspark, without the seconds that importing it takes."""
    found = importlib.util.find_spec("pyspark")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("pyspark is not installed; run make environment")
    return Path(found.origin).parent


def spark_environment(java_home: Path, scratch: Path, work: Path) -> dict[str, str]:
    """Return the environment of master, workers and spark-submit.

    scratch: for shuffle files. work: for the logs of executors.
    """
    return {
        "JAVA_HOME": str(java_home),
        "SPARK_HOME": str(spark_home()),
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_LOCAL_DIRS": str(scratch),
        "SPARK_WORKER_DIR": str(work),
        "SPARK_LAUNCHER_OPTS": JAVA_OPTIONS,
        "SPARK_DAEMON_JAVA_OPTS": JAVA_OPTIONS,
        "SPARK_DAEMON_MEMORY": "512m",
        "PYSPARK_PYTHON": str(BINARIES / "python"),
    }


def spark_properties(secret: str, scratch: Path) -> str:
    """Return the text of the properties file. secret: shared by master, workers and drivers."""
    java_options = f'{JAVA_OPTIONS} "-Djava.io.tmpdir={scratch}"'
    settings = {
        **shared_properties(secret),
        "spark.driver.bindAddress": LOOPBACK,
        "spark.driver.extraJavaOptions": java_options,
        "spark.driver.host": LOOPBACK,
        "spark.executor.extraJavaOptions": java_options,
        # When a port was taken since it was chosen, fail at once and do not listen on another one than is announced.
        "spark.port.maxRetries": "0",
        "spark.ui.enabled": "false",
    }
    return properties_text(settings)

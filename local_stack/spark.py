"""The settings of Spark in a stack: the environment of its processes, and the properties file that all of them read."""

from __future__ import annotations

import os
from pathlib import Path

from local_stack.class_archive import EMPTY_CONF, archive_of, archive_options
from local_stack.options import REPOSITORY
from local_stack.ports import LOOPBACK
from local_stack.spark_home import lean_spark_home
from local_stack.spark_settings import JAVA_OPTIONS, properties_text, shared_properties

BINARIES = REPOSITORY / ".venv" / "bin"
FOREIGN = ("AIRFLOW", "SPARK", "PYSPARK", "PYTHON", "HADOOP")


def inherited_environment() -> dict[str, str]:
    """The caller's environment without what it says of Airflow, Spark or Python elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return kept | {"PATH": f"{BINARIES}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def spark_environment(java_home: Path, scratch: Path, work: Path) -> dict[str, str]:
    """For master, workers and spark-submit. scratch, work: for shuffle files, and for the logs of executors."""
    EMPTY_CONF.mkdir(parents=True, exist_ok=True)
    return {
        "JAVA_HOME": str(java_home),
        "SPARK_HOME": str(lean_spark_home()),
        "SPARK_CONF_DIR": str(EMPTY_CONF),
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_LOCAL_DIRS": str(scratch),
        "SPARK_WORKER_DIR": str(work),
        "SPARK_LAUNCHER_OPTS": JAVA_OPTIONS,
        "SPARK_DAEMON_JAVA_OPTS": f"{JAVA_OPTIONS} {archive_options(archive_of(java_home))}",
        "SPARK_DAEMON_MEMORY": "512m",
        "PYSPARK_PYTHON": str(BINARIES / "python"),
    }


def spark_properties(secret: str, scratch: Path, driver_options: str, executor_options: str) -> str:
    """The text of a properties file. The options are those of the JVMs beside JAVA_OPTIONS."""
    java_options = f'{JAVA_OPTIONS} "-Djava.io.tmpdir={scratch}"'
    settings = {
        **shared_properties(secret),
        "spark.driver.bindAddress": LOOPBACK,
        "spark.driver.extraJavaOptions": f"{java_options} {driver_options}",
        "spark.driver.host": LOOPBACK,
        "spark.executor.extraJavaOptions": f"{java_options} {executor_options}",
        "spark.ui.enabled": "false",
    }
    return properties_text(settings)

"""Where a stack keeps its own files, and the environment its processes share."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path

from local_stack.java import find_java_home
from local_stack.options import REPOSITORY, Options
from local_stack.ports import LOOPBACK, Ports
from local_stack.processes import MARK

# Short lives on few cores: the first compiler is enough where Python does the work.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"


@dataclass(frozen=True)
class Layout:
    """The files of one stack, below the workspace."""

    workspace: Path

    @property
    def root(self) -> Path:
        return self.workspace / ".stack"

    @property
    def mark(self) -> str:
        """What the stack's processes carry in their environment."""
        return str(self.root)

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def passwords(self) -> Path:
        return self.root / "passwords.json"

    @property
    def airflow_home(self) -> Path:
        return self.root / "airflow"

    @property
    def spark_conf(self) -> Path:
        return self.root / "spark-conf"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def java(self) -> Path:
        return self.root / "java"


@dataclass(frozen=True)
class Addresses:
    """The ports of a stack, all on loopback. workers: the web page of each Spark worker."""

    airflow: int
    master: int
    master_web: int
    workers: tuple[int, ...]

    @property
    def airflow_url(self) -> str:
        return f"http://{LOOPBACK}:{self.airflow}"

    @property
    def master_url(self) -> str:
        return f"spark://{LOOPBACK}:{self.master}"

    @property
    def master_web_url(self) -> str:
        return f"http://{LOOPBACK}:{self.master_web}"


def take_addresses(ports: Ports, workers: int) -> Addresses:
    return Addresses(
        airflow=ports.take(8088, "Airflow web UI"),
        master=ports.take(7077, "Spark master"),
        master_web=ports.take(8080, "Spark master's web page"),
        workers=tuple(ports.take(8081 + index, f"web page of Spark worker {index + 1}") for index in range(workers)),
    )


def load_secrets(layout: Layout) -> dict[str, str]:
    """The secrets of this stack, generated at its first start into files that only this user can read."""
    if not layout.secrets.exists():
        generated = {
            "fernet": urlsafe_b64encode(os.urandom(32)).decode(),
            "jwt": secrets.token_urlsafe(48),
            "api": secrets.token_urlsafe(48),
            "spark": secrets.token_urlsafe(48),
            "password": secrets.token_urlsafe(12),
        }
        write_private(layout.passwords, json.dumps({"admin": generated["password"]}))
        write_private(layout.secrets, json.dumps(generated))
    loaded: dict[str, str] = json.loads(layout.secrets.read_text())
    return loaded


def write_private(path: Path, text: str) -> None:
    """Writes a file that no other user can read at any moment."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def write_spark_conf(layout: Layout, secret: str) -> None:
    """spark-defaults.conf, which master, workers and driver all read."""
    layout.spark_conf.mkdir(parents=True, exist_ok=True)
    java_options = f"{JAVA_OPTIONS} -Djava.io.tmpdir={layout.scratch}"
    settings = {
        "spark.authenticate": "true",
        "spark.authenticate.secret": secret,
        "spark.driver.bindAddress": LOOPBACK,
        "spark.driver.extraJavaOptions": java_options,
        "spark.driver.host": LOOPBACK,
        "spark.executor.extraJavaOptions": java_options,
        "spark.master.rest.enabled": "false",
        "spark.ui.enabled": "false",
        "spark.ui.killEnabled": "false",
        "spark.worker.cleanup.enabled": "true",
    }
    write_private(
        layout.spark_conf / "spark-defaults.conf", "".join(f"{key} {value}\n" for key, value in settings.items())
    )


def make_environment(layout: Layout, options: Options, addresses: Addresses, start_date: str) -> dict[str, str]:
    """The environment of every process of the stack. What the caller's shell says of Airflow, Spark or Python
    elsewhere is left out, but for the connection to a cluster of the caller's own."""
    keys = load_secrets(layout)
    foreign = ("AIRFLOW", "SPARK", "PYSPARK", "PYTHON", "HADOOP")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    binaries = REPOSITORY / ".venv" / "bin"
    own_cluster = os.environ.get("AIRFLOW_CONN_SPARK_DEFAULT")
    connection = {"conn_type": "spark", "host": addresses.master_url, "extra": {"web-ui-port": addresses.master_web}}
    return {
        **inherited,
        MARK: layout.mark,
        "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": str(REPOSITORY / "spark_jobs"),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(layout.scratch),
        "JAVA_HOME": str(find_java_home(layout.java)),
        "BATCH_PREDICTIONS_WORKSPACE": str(layout.workspace),
        "BATCH_PREDICTIONS_START_DATE": start_date,
        "BATCH_PREDICTIONS_RETRY_SECONDS": os.environ.get("BATCH_PREDICTIONS_RETRY_SECONDS", "5"),
        **_spark_environment(layout, binaries),
        **_airflow_environment(layout, addresses, keys),
        "AIRFLOW_CONN_SPARK_DEFAULT": own_cluster or json.dumps(connection),
    }


def _spark_environment(layout: Layout, binaries: Path) -> dict[str, str]:
    return {
        "SPARK_HOME": str(_package_directory("pyspark")),
        "SPARK_CONF_DIR": str(layout.spark_conf),
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_LOCAL_DIRS": str(layout.scratch),
        "SPARK_WORKER_DIR": str(layout.root / "spark-work"),
        "SPARK_DAEMON_JAVA_OPTS": JAVA_OPTIONS,
        "SPARK_DAEMON_MEMORY": "512m",
        "PYSPARK_PYTHON": str(binaries / "python"),
    }


def _package_directory(package: str) -> Path:
    """Where a package is installed, without the seconds that importing it takes."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed; run make environment")
    return Path(found.origin).parent


def _airflow_environment(layout: Layout, addresses: Addresses, keys: dict[str, str]) -> dict[str, str]:
    settings = {
        "CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__FERNET_KEY": keys["fernet"],
        "CORE__EXECUTION_API_SERVER_URL": f"{addresses.airflow_url}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(layout.passwords),
        "API__HOST": LOOPBACK,
        "API__PORT": str(addresses.airflow),
        "API__BASE_URL": addresses.airflow_url,
        "API__SECRET_KEY": keys["api"],
        "API_AUTH__JWT_SECRET": keys["jwt"],
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{layout.airflow_home / 'airflow.db'}",
        # Without them the Spark provider's own default connection, which leads to YARN, would hide a missing one.
        "DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        # After a kill -9 the next start finds the tasks that were lost within a minute, not within five.
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return {"AIRFLOW_HOME": str(layout.airflow_home)} | {f"AIRFLOW__{key}": value for key, value in settings.items()}

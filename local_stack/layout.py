"""Where a stack keeps its own files, and the environment its processes share."""

from __future__ import annotations

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
from local_stack.spark import inherited_environment, spark_environment, spark_properties

# What is the local cluster's: secret, addresses and options. On a cluster of the caller's own it comes from the caller.
OF_THE_CLUSTER = (
    "AIRFLOW_CONN_SPARK_DEFAULT",
    "BATCH_PREDICTIONS_SPARK_PROPERTIES",
    "SPARK_CONF_DIR",
    "SPARK_LOCAL_IP",
)

# How long Airflow waits for its database; less than the API's client waits for an answer.
DATABASE_SECONDS = 25

# What is the caller's on any cluster: where alerts go.
OF_THE_CALLER = ("AIRFLOW_CONN_BATCH_PREDICTIONS_ALERTS",)


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
    def spark_properties(self) -> Path:
        return self.root / "spark-defaults.conf"

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


def write_spark_properties(layout: Layout) -> None:
    """The properties file, which master, workers and driver all read; it holds the secret they share."""
    write_private(layout.spark_properties, spark_properties(load_secrets(layout)["spark"], layout.scratch))


def make_environment(layout: Layout, options: Options, addresses: Addresses, start_date: str) -> dict[str, str]:
    """The environment of every process of the stack. What the caller's shell says of Airflow, Spark or Python
    elsewhere is left out, but for the connections to a cluster of the caller's own and to where alerts go."""
    keys = load_secrets(layout)
    connection = {"conn_type": "spark", "host": addresses.master_url, "extra": {"web-ui-port": addresses.master_web}}
    environment = {
        **inherited_environment(),
        MARK: layout.mark,
        "PYTHONPATH": str(REPOSITORY / "spark_jobs"),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(layout.scratch),
        "BATCH_PREDICTIONS_WORKSPACE": str(layout.workspace),
        "BATCH_PREDICTIONS_START_DATE": start_date,
        "BATCH_PREDICTIONS_RETRY_SECONDS": os.environ.get("BATCH_PREDICTIONS_RETRY_SECONDS", "5"),
        "BATCH_PREDICTIONS_SPARK_PROPERTIES": str(layout.spark_properties),
        **spark_environment(find_java_home(layout.java), layout.scratch, layout.root / "spark-work"),
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps(connection),
        **_airflow_environment(layout, addresses, keys),
        **{name: os.environ[name] for name in OF_THE_CALLER if name in os.environ},
    }
    if "AIRFLOW_CONN_SPARK_DEFAULT" not in os.environ:
        return environment
    kept = {name: value for name, value in environment.items() if name not in OF_THE_CLUSTER}
    return kept | {name: os.environ[name] for name in OF_THE_CLUSTER if name in os.environ}


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
        # Five processes write to it. SQLite's own five seconds of patience are too few on a busy machine.
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{layout.airflow_home / 'airflow.db'}?timeout={DATABASE_SECONDS}",
        # Without them the Spark provider's own default connection, which leads to YARN, would hide a missing one.
        "DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        # Each parse takes a core for seconds. The first one comes at the start all the same.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        # After a kill -9 the next start finds the tasks that were lost within a minute, not within five.
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
        # As soon take over what a triggerer watched that was killed.
        "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "20",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return {"AIRFLOW_HOME": str(layout.airflow_home)} | {f"AIRFLOW__{key}": value for key, value in settings.items()}

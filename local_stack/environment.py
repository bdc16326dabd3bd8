"""The environment that all processes of a stack have."""

from __future__ import annotations

import json
import os

from local_stack.addresses import Addresses
from local_stack.java import find_java_home
from local_stack.layout import Layout
from local_stack.options import REPOSITORY, Options
from local_stack.ports import LOOPBACK
from local_stack.processes import MARK
from local_stack.spark import inherited_environment, spark_environment
from local_stack.stack_secrets import StackSecrets, load_secrets

# Settings of the local cluster: address, secret and options. For a cluster of the caller's own they are the caller's.
OF_THE_CLUSTER = (
    "AIRFLOW_CONN_SPARK_DEFAULT",
    "BATCH_PREDICTIONS_SPARK_PROPERTIES",
    "SPARK_CONF_DIR",
    "SPARK_LOCAL_IP",
)

# The caller's own settings on any cluster: where alerts are sent.
OF_THE_CALLER = ("AIRFLOW_CONN_BATCH_PREDICTIONS_ALERTS",)

# How long Airflow waits for its database: less than the API's client waits for an answer (airflow_api.ANSWER_SECONDS).
DATABASE_SECONDS = 25


def has_own_cluster() -> bool:
    """Return whether the caller's environment names a Spark master, so that none is started here."""
    return "AIRFLOW_CONN_SPARK_DEFAULT" in os.environ


def make_environment(layout: Layout, options: Options, addresses: Addresses, start_date: str) -> dict[str, str]:
    """Return the environment of every process of the stack.

    The caller's settings of Airflow, Spark and Python are left out, except the connections to a cluster of the caller's
    own and to the receiver of alerts. start_date: the first day (ISO 8601) that the schedule may run, or "".
    """
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
        **spark_environment(find_java_home(layout.java), layout.scratch, layout.spark_work),
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps(connection),
        **airflow_environment(layout, addresses, load_secrets(layout)),
        **{name: os.environ[name] for name in OF_THE_CALLER if name in os.environ},
    }
    if not has_own_cluster():
        return environment
    kept = {name: value for name, value in environment.items() if name not in OF_THE_CLUSTER}
    return kept | {name: os.environ[name] for name in OF_THE_CLUSTER if name in os.environ}


def airflow_environment(layout: Layout, addresses: Addresses, secrets: StackSecrets) -> dict[str, str]:
    """Return Airflow's settings."""
    settings = {
        "CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__FERNET_KEY": secrets.fernet,
        "CORE__EXECUTION_API_SERVER_URL": f"{addresses.airflow_url}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(layout.passwords),
        "API__HOST": LOOPBACK,
        "API__PORT": str(addresses.airflow),
        "API__BASE_URL": addresses.airflow_url,
        "API__SECRET_KEY": secrets.api,
        "API_AUTH__JWT_SECRET": secrets.jwt,
        # Five processes write to it. SQLite's own timeout of five seconds is too short on a busy machine.
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{layout.airflow_home / 'airflow.db'}?timeout={DATABASE_SECONDS}",
        # The Spark provider's default connection leads to YARN, and would hide that spark_default is missing.
        "DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        # Each parse takes a core for seconds. The first one comes at the start in any case.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        # After a kill -9 the next start finds the lost tasks within a minute instead of five.
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
        # The triggers of a killed triggerer are taken over as soon.
        "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "20",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return {"AIRFLOW_HOME": str(layout.airflow_home)} | {f"AIRFLOW__{key}": value for key, value in settings.items()}

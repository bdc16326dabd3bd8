"""The secrets of the cluster: made at its first start, each in a volume that only the services mount which need it.

docker compose run --rm secrets        makes what is not there yet; docker compose up does it, too
docker compose run --rm secrets show   prints the addresses with the login and the token
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

from local_stack.spark_settings import JAVA_OPTIONS, properties_text, shared_properties

ROOT = Path("/secrets")
USER = "admin"


def make_secrets(root: Path = ROOT) -> None:
    """Writes the files below root/airflow, jupyter, postgres and spark; leaves those that are there."""
    airflow = root / "airflow"
    spark, database = secrets.token_urlsafe(48), secrets.token_urlsafe(32)
    _write_together(
        {
            root / "spark" / "spark-defaults.conf": properties_text(cluster_properties(spark)),
            airflow / "spark.conf": properties_text(job_properties(spark)),
        }
    )
    _write_together(
        {
            root / "postgres" / "password": database,
            airflow / "database": f"postgresql+psycopg2://airflow:{database}@postgres/airflow",
        }
    )
    _write_together({airflow / "fernet": urlsafe_b64encode(os.urandom(32)).decode()})
    _write_together({airflow / "jwt": secrets.token_urlsafe(48)})
    _write_together({airflow / "api": secrets.token_urlsafe(48)})
    _write_together({airflow / "passwords.json": json.dumps({USER: secrets.token_urlsafe(12)})})
    _write_together({root / "jupyter" / "token": secrets.token_urlsafe(24)})


def cluster_properties(secret: str) -> dict[str, str]:
    """spark-defaults.conf of master, workers and JupyterLab."""
    return {
        **shared_properties(secret),
        "spark.network.crypto.enabled": "true",
        "spark.driver.extraJavaOptions": JAVA_OPTIONS,
        "spark.executor.extraJavaOptions": JAVA_OPTIONS,
        # The pages of workers and applications are reached through the master's: their own addresses lead into
        # the network of the containers.
        "spark.ui.reverseProxy": "true",
    }


def job_properties(secret: str) -> dict[str, str]:
    """What the task predict hands to spark-submit. Airflow's containers have two addresses, and workers reach one."""
    return {
        **cluster_properties(secret),
        "spark.driver.bindAddress": "0.0.0.0",  # noqa: S104 - no port of it is published
        "spark.driver.host": "airflow-scheduler",
        "spark.ui.enabled": "false",
    }


def show(root: Path = ROOT) -> str:
    """Where everything is, and how to get in."""
    password = json.loads((root / "airflow" / "passwords.json").read_text())[USER]
    token = (root / "jupyter" / "token").read_text()
    port = {name: os.environ[f"{name}_PORT"] for name in ("AIRFLOW", "JUPYTER", "SPARK_MASTER_WEB")}
    return (
        f"Airflow       http://127.0.0.1:{port['AIRFLOW']}  (user {USER}, password {password})\n"
        f"JupyterLab    http://127.0.0.1:{port['JUPYTER']}/lab?token={token}\n"
        f"Spark master  http://127.0.0.1:{port['SPARK_MASTER_WEB']}"
    )


def _write_together(files: dict[Path, str]) -> None:
    """Writes all of them unless all are there: an interrupted start must not leave halves that do not fit."""
    if all(path.exists() for path in files):
        return
    for path, text in files.items():
        path.unlink(missing_ok=True)
        # PostgreSQL runs as a user of its own, who is given our group.
        mode = 0o640 if path.parent.name == "postgres" else 0o600
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
            file.write(text)


if __name__ == "__main__":
    if sys.argv[1:] == ["show"]:
        print(show())
    else:
        make_secrets()

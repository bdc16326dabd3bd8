"""Generates the secrets of the cluster at its first start, each in a volume that only its users mount.

docker compose run --rm secrets        generates the missing ones; docker compose up does this too
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
    """Write the missing files in root/airflow, jupyter, postgres and spark."""
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
    """Return the properties of master, workers and JupyterLab; their spark-defaults.conf."""
    return {
        **shared_properties(secret),
        "spark.network.crypto.enabled": "true",
        "spark.driver.extraJavaOptions": JAVA_OPTIONS,
        "spark.executor.extraJavaOptions": JAVA_OPTIONS,
        # The master's page forwards to those of workers and applications. Their own addresses are known only inside
        # the containers' network.
        "spark.ui.reverseProxy": "true",
    }


def job_properties(secret: str) -> dict[str, str]:
    """Return the properties that the task predict passes to spark-submit.

    Airflow's containers are in two networks and have two addresses, so the driver's host is given by name.
    """
    return {
        **cluster_properties(secret),
        "spark.driver.bindAddress": "0.0.0.0",  # noqa: S104 - no port of it is published
        "spark.driver.host": "airflow-scheduler",
        "spark.ui.enabled": "false",
    }


def show(root: Path = ROOT) -> str:
    """Return the addresses of all services, with the login and the token."""
    password = json.loads((root / "airflow" / "passwords.json").read_text())[USER]
    token = (root / "jupyter" / "token").read_text()
    port = {name: os.environ[f"{name}_PORT"] for name in ("AIRFLOW", "JUPYTER", "SPARK_MASTER_WEB")}
    return (
        f"Airflow       http://127.0.0.1:{port['AIRFLOW']}  (user {USER}, password {password})\n"
        f"JupyterLab    http://127.0.0.1:{port['JUPYTER']}/lab?token={token}\n"
        f"Spark master  http://127.0.0.1:{port['SPARK_MASTER_WEB']}"
    )


def _write_together(files: dict[Path, str]) -> None:
    """Write all of the files unless all exist. An interrupted start must not leave files that do not match."""
    if all(path.exists() for path in files):
        return
    for path, text in files.items():
        path.unlink(missing_ok=True)
        # PostgreSQL runs as another user, who is in the group of these images.
        mode = 0o640 if path.parent.name == "postgres" else 0o600
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
            file.write(text)


if __name__ == "__main__":
    if sys.argv[1:] == ["show"]:
        print(show())
    else:
        make_secrets()

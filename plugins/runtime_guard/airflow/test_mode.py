"""Airflow's test commands, which have no scheduler and no triggerer, and where no person can answer."""

from __future__ import annotations

import os
import sys


def runs_alone() -> bool:
    """Return whether this is `airflow tasks test`, which runs no other task."""
    return bool(os.environ.get("AIRFLOW_TEST_MODE"))


def parsed_by_dags_test() -> bool:
    """Return whether this process is `airflow dags test`; while a DAG is parsed, nothing else shows it."""
    return sys.argv[1:3] == ["dags", "test"]

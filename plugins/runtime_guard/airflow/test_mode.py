"""Airflow's test commands: no scheduler, no triggerer, nobody to answer."""

from __future__ import annotations

import sys


def runs_in_process() -> bool:
    """Whether this task runs inside `airflow dags test` or `airflow tasks test`."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

    return isinstance(task_runner.SUPERVISOR_COMMS, InProcessSupervisorComms)


def parsed_by_dags_test() -> bool:
    """Whether this process is `airflow dags test`: when a DAG is parsed there is nothing else to tell it by."""
    return sys.argv[1:3] == ["dags", "test"]

"""States of a task as Airflow names them, in the guard's terms."""

from __future__ import annotations

from runtime_guard.airflow.airflow_internals import find_task_state
from runtime_guard.forecast.records import SchedulerState

_STATES = {
    **dict.fromkeys(("success", "failed", "skipped", "upstream_failed", "removed"), SchedulerState.ENDED),
    **dict.fromkeys(("up_for_retry", "restarting"), SchedulerState.RETRYING),
    "running": SchedulerState.RUNNING,
}


def scheduler_state(state: str | None) -> SchedulerState:
    """Return the guard's term for a state of Airflow; None is a task that has no state yet."""
    return _STATES.get(state or "", SchedulerState.WAITING)


def find_scheduler_state(dag_id: str, run_id: str, task_id: str) -> SchedulerState:
    """Ask Airflow for the state of a task, from inside a task or a trigger."""
    return scheduler_state(find_task_state(dag_id, run_id, task_id))

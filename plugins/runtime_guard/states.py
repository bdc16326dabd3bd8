"""The state of the task that is watched."""

from __future__ import annotations

TERMINAL = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


def has_ended(state: str | None) -> bool:
    return state in TERMINAL


def task_state(dag_id: str, run_id: str, task_id: str) -> str | None:
    """Asks Airflow; from a task or from a trigger. None when the task has no state yet."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=[task_id], run_ids=[run_id])
    state = states.get(run_id, {}).get(task_id)
    return None if state is None else str(getattr(state, "value", state))

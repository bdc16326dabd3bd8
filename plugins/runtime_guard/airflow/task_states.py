"""The state of the task that is watched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

TERMINAL = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


def has_ended(state: str | None) -> bool:
    return state in TERMINAL


# The driver speaks twice a second while it predicts, and some seconds apart while it starts.
SILENT_SECONDS = 15.0


def state_by_driver(progress: Mapping[str, Any], now: datetime) -> str | None:
    """The state of the task as progress.json tells it; None when only Airflow can know it.

    That is so of a driver that has been silent for SILENT_SECONDS, by whichever of two clocks, or has failed: it may
    be dead or tried again.
    """
    if not progress.get("updated_at") or progress["state"] == "failed":
        return None
    if abs((now - datetime.fromisoformat(progress["updated_at"])).total_seconds()) > SILENT_SECONDS:
        return None
    return "success" if progress["state"] == "finished" else "running"


def task_state(dag_id: str, run_id: str, task_id: str) -> str | None:
    """Asks Airflow; from a task or from a trigger. None when the task has no state yet."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=[task_id], run_ids=[run_id])
    state = states.get(run_id, {}).get(task_id)
    return None if state is None else str(getattr(state, "value", state))

"""Holds tasks of a real run at their start until they are released."""

from __future__ import annotations

from pathlib import Path

from local_stack.layout import Layout

POLICY = """
import time
from pathlib import Path

HELD = Path({held!r})


def task_policy(task):
    task.pre_execute = wait_for_release


def wait_for_release(context):
    task_id = context["ti"].task_id
    if (HELD / task_id).exists():
        (HELD / task_id).rename(HELD / (task_id + ".reached"))
        deadline = time.monotonic() + 900
        while (HELD / (task_id + ".reached")).exists():
            if time.monotonic() > deadline:
                raise TimeoutError(task_id + " was held and never released")
            time.sleep(0.1)
"""


class Hold:
    """An Airflow task policy that makes a held task rename a file and wait. Create it before the stack starts."""

    def __init__(self, workspace: Path) -> None:
        self._held = workspace / "held"
        self._held.mkdir(parents=True)
        config = Layout(workspace).airflow_home / "config"
        config.mkdir(parents=True)
        (config / "airflow_local_settings.py").write_text(POLICY.format(held=str(self._held)))

    def hold(self, task: str) -> None:
        (self._held / task).touch()

    def reached(self, task: str) -> bool:
        """Whether the task is running and waits."""
        return (self._held / f"{task}.reached").exists()

    def release(self, task: str) -> None:
        (self._held / f"{task}.reached").unlink()

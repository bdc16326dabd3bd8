"""The task that watches a run against its interval."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.bases.sensor import BaseSensorOperator

from image_scoring.contract import RunPaths
from runtime_guard.alerts import find_alert, raise_alert
from runtime_guard.states import has_ended, task_state
from runtime_guard.trigger import ENDED, RuntimeTrigger


class RuntimeSensor(BaseSensorOperator):
    """Runs beside `watched_task_id`, raises each alert once, and succeeds when that task has ended, however.

    Deferred while it waits. Under `airflow dags test`, which runs triggers inline and would wait here for ever, it
    is rescheduled instead; under `airflow tasks test`, where no other task runs, it looks once and returns.

    run_of: the function that gives the run directory for a task's context.
    """

    def __init__(
        self, *, watched_task_id: str, run_of: Callable[[Any], RunPaths], poll_seconds: float, **kwargs: Any
    ) -> None:
        super().__init__(mode="reschedule", poke_interval=poll_seconds, **kwargs)
        self.watched_task_id = watched_task_id
        self.run_of = run_of
        self.poll_seconds = poll_seconds

    def execute(self, context: Any, event: dict[str, str] | None = None) -> None:
        if os.environ.get("AIRFLOW_TEST_MODE"):
            self._alert(context)
            self.log.info("airflow tasks test: looked once")
        elif _runs_in_process():
            super().execute(context)
        elif event and event["status"] == ENDED:
            self.log.info("%s has ended, so has the watch", self.watched_task_id)
        else:
            self._alert(context)
            self._wait(context)

    def poke(self, context: Any) -> bool:
        self._alert(context)
        ti = context["ti"]
        return has_ended(task_state(ti.dag_id, ti.run_id, self.watched_task_id))

    def _alert(self, context: Any) -> None:
        run = self.run_of(context)
        if alert := find_alert(run, datetime.now(UTC)):
            raise_alert(run, alert)
            self.log.warning("%s: %s", alert.level, alert.text)

    def _wait(self, context: Any) -> None:
        ti = context["ti"]
        trigger = RuntimeTrigger(
            run_directory=str(self.run_of(context).root),
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            watched_task_id=self.watched_task_id,
            poll_seconds=self.poll_seconds,
        )
        self.defer(trigger=trigger, method_name="execute")


def _runs_in_process() -> bool:
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

    return isinstance(task_runner.SUPERVISOR_COMMS, InProcessSupervisorComms)

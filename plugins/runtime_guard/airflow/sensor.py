"""The task that watches a run against its interval."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.bases.sensor import BaseSensorOperator

from run_contract.layout import RunPaths
from runtime_guard.airflow.channels import deliver
from runtime_guard.airflow.task_states import has_ended, task_state
from runtime_guard.airflow.test_mode import runs_in_process
from runtime_guard.airflow.trigger import ENDED, RuntimeTrigger
from runtime_guard.alerting.alerts import raise_alerts


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
            self._alert(context, "running")
            self.log.info("airflow tasks test: looked once")
        elif runs_in_process():
            super().execute(context)
        elif (event and event["status"] == ENDED) or self.poke(context):
            self.log.info("%s has ended, so has the watch", self.watched_task_id)
        else:
            self._wait(context)

    def poke(self, context: Any) -> bool:
        """One look; whether the task has ended. It may have since the trigger found cause for an alert."""
        ti = context["ti"]
        try:
            state = task_state(ti.dag_id, ti.run_id, self.watched_task_id)
            if not has_ended(state):
                self._alert(context, state)
            return has_ended(state)
        except Exception as error:  # a watch that fails would make the whole run a failed one
            self.log.warning("the run could not be looked at (%s: %s)", type(error).__name__, error)
            return False

    def _alert(self, context: Any, state: str | None) -> None:
        alerts = raise_alerts(self.run_of(context), datetime.now(UTC), state)
        for alert in alerts:
            self.log.warning("%s: %s", alert.level, alert.text)
        deliver(alerts)

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

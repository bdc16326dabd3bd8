"""The task that watches a run against its interval."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseSensorOperator

from runtime_guard.airflow.airflow_internals import runs_in_process
from runtime_guard.airflow.alert_connection import send_alerts
from runtime_guard.airflow.task_states import find_scheduler_state
from runtime_guard.airflow.test_mode import runs_alone
from runtime_guard.airflow.trigger import ENDED, RuntimeTrigger
from runtime_guard.alerting.alerts import raise_alerts
from runtime_guard.batch_run import open_run
from runtime_guard.forecast.records import SchedulerState


class RuntimeSensor(BaseSensorOperator):
    """Watch `watched_task_id`, raise each alert once, and succeed when that task has ended in whatever way.

    The sensor is deferred while it waits. `airflow dags test` runs triggers in this process and would wait forever:
    there the sensor is rescheduled instead. `airflow tasks test` runs no other task: there it polls once and returns.

    directory_of: returns the directory of the run of a task's context.
    """

    def __init__(
        self, *, watched_task_id: str, directory_of: Callable[[Any], str], poll_seconds: float, **kwargs: Any
    ) -> None:
        super().__init__(mode="reschedule", poke_interval=poll_seconds, **kwargs)
        self.watched_task_id = watched_task_id
        self.directory_of = directory_of
        self.poll_seconds = poll_seconds

    def execute(self, context: Any, event: dict[str, str] | None = None) -> None:
        if runs_alone():
            self._alert(context, SchedulerState.RUNNING)
            self.log.info("airflow tasks test: polled once")
        elif runs_in_process():
            super().execute(context)
        elif (event and event["status"] == ENDED) or self.poke(context):
            self.log.info("%s has ended, so the sensor ends", self.watched_task_id)
        else:
            self._wait(context)

    def poke(self, context: Any) -> bool:
        """Poll once, raise the alerts, and return whether the watched task has ended."""
        ti = context["ti"]
        try:
            state = find_scheduler_state(ti.dag_id, ti.run_id, self.watched_task_id)
            if state != SchedulerState.ENDED:  # it may have ended since the trigger found cause for an alert
                self._alert(context, state)
            return state == SchedulerState.ENDED
        except Exception as error:  # if the sensor failed, the whole run would count as failed
            self.log.warning("poll failed (%s: %s); trying again", type(error).__name__, error)
            return False

    def _alert(self, context: Any, state: SchedulerState) -> None:
        alerts = raise_alerts(open_run(self.directory_of(context)), datetime.now(UTC), state)
        for alert in alerts:
            self.log.warning("%s: %s", alert.level, alert.text)
        send_alerts(alerts)

    def _wait(self, context: Any) -> None:
        ti = context["ti"]
        trigger = RuntimeTrigger(
            run_directory=self.directory_of(context),
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            watched_task_id=self.watched_task_id,
            poll_seconds=self.poll_seconds,
        )
        self.defer(trigger=trigger, method_name="execute")

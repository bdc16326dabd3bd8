"""Watch a run from the triggerer, where waiting occupies no worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from runtime_guard.airflow.task_states import find_scheduler_state
from runtime_guard.alerting.alerts import find_alerts
from runtime_guard.alerting.levels import Level
from runtime_guard.batch_run import open_run
from runtime_guard.forecast.records import SchedulerState
from runtime_guard.forecast.run_status import reported_state

ENDED = "ended"
ALERT = "alert"

# An answer that never comes must not stop the polls: after this time the question is asked again.
ASK_SECONDS = 20.0


class RuntimeTrigger(BaseTrigger):
    """Fire once: `ended` when the watched task has ended, or `alert` when there is one to raise.

    The trigger has no state of its own: what it needs from poll to poll is in the run directory, so a triggerer that
    restarts continues where the last one stopped.
    """

    def __init__(self, run_directory: str, dag_id: str, run_id: str, watched_task_id: str, poll_seconds: float) -> None:
        super().__init__()
        if poll_seconds <= 0:
            raise ValueError(f"poll_seconds must be above zero, found {poll_seconds}")
        self.run_directory = run_directory
        self._run = open_run(run_directory)
        self.dag_id = dag_id
        self.run_id = run_id
        self.watched_task_id = watched_task_id
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "runtime_guard.airflow.trigger.RuntimeTrigger",
            {
                "run_directory": self.run_directory,
                "dag_id": self.dag_id,
                "run_id": self.run_id,
                "watched_task_id": self.watched_task_id,
                "poll_seconds": self.poll_seconds,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            await asyncio.sleep(self.poll_seconds)  # first: the worker polled just before it deferred
            try:
                state = await self._watched_state()
                if state == SchedulerState.ENDED:
                    yield TriggerEvent({"status": ENDED})
                    return
                if await self._find_alerts(state):
                    yield TriggerEvent({"status": ALERT})
                    return
            except Exception as error:  # Airflow or the workspace, for a while: the next poll may work
                self.log.warning("poll failed (%s: %s); trying again", type(error).__name__, error)

    async def _watched_state(self) -> SchedulerState:
        """Return the state of the task: from its own report if that is fresh, otherwise from Airflow.

        The first question to Airflow makes the triggerer build a whole API server in its process, which takes seconds
        of a core that the work needs.
        """
        if state := await asyncio.to_thread(self._reported_state):
            return state
        ask = sync_to_async(find_scheduler_state)(self.dag_id, self.run_id, self.watched_task_id)
        return await asyncio.wait_for(ask, ASK_SECONDS)

    def _reported_state(self) -> SchedulerState | None:
        try:
            return reported_state(self._run.read_progress(), datetime.now(UTC))
        except Exception:  # whatever is wrong with the report, Airflow has the state
            return None

    async def _find_alerts(self, state: SchedulerState) -> list[Level]:
        return await asyncio.to_thread(find_alerts, self._run, datetime.now(UTC), state)

"""Watches a run from the triggerer, where waiting costs no worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from run_contract.files import read_json
from run_contract.layout import RunPaths
from runtime_guard.airflow.task_states import has_ended, state_by_driver, task_state
from runtime_guard.alerting.alerts import find_alerts
from runtime_guard.alerting.levels import Level

ENDED = "ended"
ALERT = "alert"

# An answer that never comes must not stop the watch: a state that was not told in time is asked for again.
ASK_SECONDS = 20.0


class RuntimeTrigger(BaseTrigger):
    """Fires once: `ended` when the watched task is over, or `alert` when there is one to raise.

    It keeps no state of its own: what it knows from poll to poll is in the run directory, so a triggerer that restarts
    goes on where the last one stopped.
    """

    def __init__(self, run_directory: str, dag_id: str, run_id: str, watched_task_id: str, poll_seconds: float) -> None:
        super().__init__()
        if poll_seconds <= 0:
            raise ValueError(f"poll_seconds must be above zero, found {poll_seconds}")
        self.run_directory = run_directory
        self._run = RunPaths(Path(run_directory))
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
            await asyncio.sleep(self.poll_seconds)  # first: the worker has looked just before it deferred
            try:
                state = await self._watched_state()
                if has_ended(state):
                    yield TriggerEvent({"status": ENDED})
                    return
                if await self._find_alerts(state):
                    yield TriggerEvent({"status": ALERT})
                    return
            except Exception as error:  # Airflow or the workspace, for a while: the watch must outlive it
                self.log.warning("the run could not be looked at (%s: %s)", type(error).__name__, error)

    async def _watched_state(self) -> str | None:
        """Of a driver that speaks Airflow is not asked: the first question makes the triggerer build a whole API
        server inside itself, for seconds of a core that the images need."""
        if state := await asyncio.to_thread(self._state_by_driver):
            return state
        ask = sync_to_async(task_state)(self.dag_id, self.run_id, self.watched_task_id)
        return await asyncio.wait_for(ask, ASK_SECONDS)

    def _state_by_driver(self) -> str | None:
        try:
            return state_by_driver(read_json(self._run.progress) or {}, datetime.now(UTC))
        except Exception:  # whatever is wrong with the file, Airflow knows whether the task has ended
            return None

    async def _find_alerts(self, state: str | None) -> list[Level]:
        return await asyncio.to_thread(find_alerts, self._run, datetime.now(UTC), state)

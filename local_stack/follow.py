"""Follow one DAG run until it ends, with a live display."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol, Self

import httpx
from rich.console import Console

from local_stack.airflow_api import AirflowApi
from local_stack.live_display import LiveDisplay
from run_contract.formatting import count, duration, rate
from run_contract.layout import RunPaths
from run_contract.record import read_readable
from run_contract.records.failure import FailureRecord
from run_contract.records.predict import DriverState, ProgressRecord

TASKS = ("download", "manifest", "plan", "predict", "validate", "publish")
POLL_SECONDS = 0.5
# While images are predicted the API server leaves the cores to them: progress.json has all that is shown, and the end
# of predict.
ASK_SECONDS_WHILE_PREDICTING = 5.0
PLAIN_SECONDS = 5.0
LOST_SECONDS = 60.0

States = Mapping[str, str | None]
"""The states of the tasks by their ids, as Airflow names them."""


class Lost(Exception):
    """Airflow's API has not responded for too long."""


class Display(Protocol):
    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def show(self, states: States, progress: ProgressRecord | None) -> None: ...

    def note(self, text: str) -> None: ...


def follow(api: AirflowApi, run_id: str, run: RunPaths, console: Console, check_alive: Callable[[], None]) -> str:
    """Follow a DAG run to its end and return its final state.

    check_alive: called at every poll; may raise. Raises Lost when Airflow's API does not respond for LOST_SECONDS.
    """
    display: Display = LiveDisplay(console, run) if console.is_terminal else PlainDisplay(console)
    asked_at, noted_failure = time.monotonic(), ""
    states: States = {}
    state = ""
    with display:
        while True:
            check_alive()
            progress = read_readable(ProgressRecord, run.progress)
            try:
                if not is_predicting(states, progress) or time.monotonic() - asked_at > ASK_SECONDS_WHILE_PREDICTING:
                    states, state = api.task_states(run_id), api.run(run_id).state
                    asked_at = time.monotonic()
            except httpx.HTTPError as error:
                if time.monotonic() - asked_at > LOST_SECONDS:
                    raise Lost(f"Airflow's API has not responded for {duration(LOST_SECONDS)} ({error})") from None
                time.sleep(POLL_SECONDS)
                continue
            failure = read_readable(FailureRecord, run.failure)
            message = failure.message if failure else ""
            if message and message != noted_failure and "up_for_retry" in states.values():
                display.note(f"{message} (retrying)")
            noted_failure = message
            display.show(states, progress)
            if state in ("success", "failed"):
                return state
            time.sleep(POLL_SECONDS)


def is_predicting(states: States, progress: ProgressRecord | None) -> bool:
    """Return whether predict is running, by Airflow's last response and the driver's current report."""
    ended = progress is not None and progress.state in (DriverState.FINISHED, DriverState.FAILED)
    return states.get("predict") == "running" and not ended


def describe(states: States, progress: ProgressRecord | None) -> str:
    """Return in one line what the run is doing."""
    current = next((task for task in TASKS if states.get(task) not in ("success", "skipped")), TASKS[-1])
    if states.get(current) == "awaiting_input":
        return f"{current} (waiting for approval: Required Actions in Airflow's web UI)"
    if current != "predict" or not progress or progress.state not in (DriverState.PREDICTING, DriverState.FINISHED):
        waiting = states.get(current) in (None, "scheduled", "queued")
        return f"{current}{' (waiting)' if waiting else ''}"
    text = f"predict {progress.rows_done:,} of {count(progress.rows_total, 'image')}"
    if progress.steady_images_per_second:
        text += f", {rate(progress.steady_images_per_second)} per second"
    if progress.eta_seconds:
        text += f", {duration(progress.eta_seconds)} left"
    return text


class PlainDisplay:
    """Lines for a log file: one for each new task, and one every few seconds while figures change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = self._printed_at = time.monotonic()
        self._printed = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, states: States, progress: ProgressRecord | None) -> None:
        text = describe(states, progress)
        now = time.monotonic()
        changed_task = text.split(" ")[0] != self._printed.split(" ")[0]
        if text != self._printed and (changed_task or now - self._printed_at > PLAIN_SECONDS):
            self.note(f"{now - self._started:5.0f} s  {text}")
            self._printed, self._printed_at = text, now

    def note(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

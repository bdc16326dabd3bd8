"""Follows one DAG run until it ends, with one live display."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
from rich.console import Console

from local_stack.airflow_api import AirflowApi
from local_stack.live_display import LiveDisplay
from run_contract.files import read_json
from run_contract.layout import RunPaths

TASKS = ("download", "manifest", "plan", "predict", "validate", "publish")
POLL_SECONDS = 0.5
# While images are predicted the API server leaves the cores to them: progress.json has what is shown, and when they are
# done.
ASK_SECONDS_WHILE_PREDICTING = 5.0
PLAIN_SECONDS = 5.0
LOST_SECONDS = 60.0


class Lost(Exception):
    """Airflow's API has not answered for too long."""


def follow(api: AirflowApi, run_id: str, run: RunPaths, console: Console, check_alive: Callable[[], None]) -> str:
    """The final state of the DAG run. `check_alive` is called at every poll and may raise."""
    display = LiveDisplay(console, run) if console.is_terminal else PlainDisplay(console)
    answered, told_failure = time.monotonic(), ""
    states: dict[str, str | None] = {}
    state = ""
    with display:
        while True:
            check_alive()
            progress = read_json(run.progress) or {}
            try:
                if not is_predicting(states, progress) or time.monotonic() - answered > ASK_SECONDS_WHILE_PREDICTING:
                    states, state = api.task_states(run_id), api.run(run_id).state
                    answered = time.monotonic()
            except httpx.HTTPError as error:
                if time.monotonic() - answered > LOST_SECONDS:
                    raise Lost(f"Airflow's API has not answered for {LOST_SECONDS:.0f} s ({error})") from None
                time.sleep(POLL_SECONDS)
                continue
            failure = (read_json(run.failure) or {}).get("message", "")
            if failure and failure != told_failure and "up_for_retry" in states.values():
                display.note(f"{failure} (trying again)")
            told_failure = failure
            display.show(states, progress)
            if state in ("success", "failed"):
                return state
            time.sleep(POLL_SECONDS)


def is_predicting(states: dict[str, str | None], progress: dict[str, Any]) -> bool:
    """By what Airflow said last, and what the driver says now."""
    return states.get("predict") == "running" and progress.get("state") not in ("finished", "failed")


def describe(states: dict[str, str | None], progress: dict[str, Any]) -> str:
    """What goes on now, in a line."""
    current = next((task for task in TASKS if states.get(task) not in ("success", "skipped")), TASKS[-1])
    if states.get(current) == "awaiting_input":
        return f"{current} (waits for a person: Required Actions in Airflow's web UI)"
    if current != "predict" or progress.get("state") not in ("predicting", "finished"):
        waiting = states.get(current) in (None, "scheduled", "queued")
        return f"{current}{' (waiting)' if waiting else ''}"
    text = f"predict {progress.get('rows_done', 0):,} of {progress.get('rows_total', 0):,} images"
    if progress.get("steady_images_per_second"):
        text += f", {progress['steady_images_per_second']:,.0f} a second"
    if progress.get("eta_seconds"):
        text += f", {_duration(progress['eta_seconds'])} to go"
    return text


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}" if minutes else f"{rest} s"


class PlainDisplay:
    """Lines, for a log file: at a change of task, and every few seconds while it moves."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = self._printed_at = time.monotonic()
        self._printed = ""

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, states: dict[str, str | None], progress: dict[str, Any]) -> None:
        text = describe(states, progress)
        now = time.monotonic()
        changed_task = text.split(" ")[0] != self._printed.split(" ")[0]
        if text != self._printed and (changed_task or now - self._printed_at > PLAIN_SECONDS):
            self.note(f"{now - self._started:5.0f} s  {text}")
            self._printed, self._printed_at = text, now

    def note(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

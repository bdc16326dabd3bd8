"""One run on a stack that is up: triggered, watched from outside, and written down."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from drill.faults import Victims
from local_stack.addresses import Addresses
from local_stack.airflow_api import AirflowApi
from local_stack.stack import Stack
from run_contract.files import read_json, read_json_lines
from run_contract.layout import RunPaths, Workspace, run_key

POLL_SECONDS = 0.2
# However slow the machine is, a drill that moves no more has failed.
PATIENCE_SECONDS = 600.0


class DrillError(Exception):
    """One line: which run did not do what the drill waited for."""


@dataclass
class Stage:
    """A stack with its pictures. limit: how many of them a run takes; base_seconds: how long, undisturbed, from its
    trigger to the end of predict."""

    stack: Stack
    addresses: Addresses
    api: AirflowApi
    workspace: Workspace
    source: Path
    limit: int | None = None
    base_seconds: float = 0.0
    victims: Victims = field(init=False)

    def __post_init__(self) -> None:
        self.victims = Victims(self.stack.layout.mark)

    def start(self, **params: Any) -> Run:
        """Triggers a run on the pictures."""
        dag_run = self.api.trigger({"source": str(self.source), "limit": self.limit, **params})
        return Run(self, dag_run.run_id, dag_run.due, self.workspace.run(run_key(dag_run.due)))


@dataclass(frozen=True)
class Run:
    """due: when it was triggered, from which its interval counts."""

    stage: Stage
    run_id: str
    due: datetime
    files: RunPaths

    def seconds_until(self, moment: str) -> float:
        return (datetime.fromisoformat(moment) - self.due).total_seconds()

    def levels(self) -> list[str]:
        return [alert["level"] for alert in read_json_lines(self.files.alerts)]

    def rows_done(self) -> int:
        return int((read_json(self.files.progress) or {}).get("rows_done", 0))

    def wait_for_rows(self, rows: int = 1) -> None:
        self.wait(lambda: self.rows_done() >= rows, f"{rows} rows are predicted")

    def wait_for_alert(self, *levels: str) -> None:
        self.wait(lambda: set(levels) & set(self.levels()), f"an alert {' or '.join(levels)}")

    def wait_for_deadline(self) -> None:
        deadline = datetime.fromisoformat(read_json(self.files.plan)["deadline_at"])
        self.wait(lambda: datetime.now(deadline.tzinfo) > deadline, "its deadline")

    def wait_for_end(self) -> str:
        """The state of the DAG run, when the watch has ended as well."""
        self.wait(self._ended, "its end", even_ended=True)
        return self.stage.api.run(self.run_id).state

    def _ended(self) -> bool:
        return not self.stage.api.run(self.run_id).is_unfinished

    def wait(self, condition: Callable[[], object], what: str, even_ended: bool = False) -> None:
        """Polls until `condition` holds. Raises DrillError at the end of patience, or when the run ended without."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            self.stage.stack.check_alive()
            if not even_ended and self._ended() and not condition():
                raise DrillError(f"run {self.files.run_key}: it ended before {what}")
            if time.monotonic() > deadline:
                raise DrillError(f"run {self.files.run_key}: {what} did not come within {PATIENCE_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

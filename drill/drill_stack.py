"""A stack with images, and the runs on it: triggered, observed from outside, and waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drill.faults import Targets
from local_stack.addresses import Addresses
from local_stack.airflow_api import AirflowApi
from local_stack.stack import Stack
from run_contract.layout import RunPaths, Workspace, run_key
from run_contract.record import read_readable, read_records, require_record
from run_contract.records.alert import AlertRecord
from run_contract.records.plan import PlanRecord
from run_contract.records.predict import ProgressRecord

POLL_SECONDS = 0.2
# A drill that waits longer for anything has failed, however slow the machine is.
PATIENCE_SECONDS = 600.0


class DrillError(Exception):
    """One line: which run, and what it did not do."""


@dataclass
class DrillStack:
    """limit: how many of the images a run takes. base_seconds: from the trigger of a run without a fault to the end of
    predict."""

    local: Stack
    addresses: Addresses
    api: AirflowApi
    workspace: Workspace
    source: Path
    limit: int | None = None
    base_seconds: float = 0.0
    targets: Targets = field(init=False)

    def __post_init__(self) -> None:
        self.targets = Targets(self.local.layout.mark)

    def start(self, **params: Any) -> DrillRun:
        """Trigger a run on the images."""
        dag_run = self.api.trigger({"source": str(self.source), "limit": self.limit, **params})
        return DrillRun(self, dag_run.run_id, dag_run.due, self.workspace.run(run_key(dag_run.due)))


@dataclass(frozen=True)
class DrillRun:
    """due: when the run was triggered; its interval begins then."""

    stack: DrillStack
    run_id: str
    due: datetime
    files: RunPaths

    def seconds_until(self, moment: datetime) -> float:
        return (moment - self.due).total_seconds()

    def deadline(self) -> datetime:
        """Return the end of the interval that the run was started with."""
        deadline = require_record(PlanRecord, self.files.plan).deadline_at
        if deadline is None:
            raise DrillError(f"run {self.files.run_key}: its plan has no deadline")
        return deadline

    def levels(self) -> set[str]:
        """Return the levels of the alerts so far."""
        return {alert.level for alert in read_records(AlertRecord, self.files.alerts)}

    def rows_done(self) -> int:
        progress = read_readable(ProgressRecord, self.files.progress)
        return progress.rows_done if progress else 0

    def wait_for_rows(self, rows: int = 1) -> None:
        self.wait(lambda: self.rows_done() >= rows, f"{rows} rows are predicted")

    def wait_for_alert(self, *levels: str) -> None:
        self.wait(lambda: self.levels() & set(levels), f"an alert {' or '.join(levels)}")

    def wait_for_deadline(self) -> None:
        deadline = self.deadline()
        self.wait(lambda: datetime.now(UTC) > deadline, "its deadline")

    def wait_for_end(self) -> str:
        """Wait until the DAG run has ended, the sensor included, and return its state."""
        self.wait(self._has_ended, "its end", even_ended=True)
        return self.stack.api.run(self.run_id).state

    def _has_ended(self) -> bool:
        return not self.stack.api.run(self.run_id).is_unfinished

    def wait(self, condition: Callable[[], object], what: str, even_ended: bool = False) -> None:
        """Poll until `condition` holds. Raises DrillError after PATIENCE_SECONDS, or when the run ends before."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            self.stack.local.check_alive()
            if not even_ended and self._has_ended() and not condition():
                raise DrillError(f"run {self.files.run_key}: it ended before {what}")
            if time.monotonic() > deadline:
                raise DrillError(f"run {self.files.run_key}: {what} did not come within {PATIENCE_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

"""failure.json, written by any task that fails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from run_contract.record import Record


@dataclass(frozen=True)
class FailureRecord(Record):
    """The last failure of a run. message: one line. The file is removed when the task starts again."""

    written_by: ClassVar[str] = "the task that failed"

    task: str
    message: str
    failed_at: datetime

"""dataset.json, written by the task download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from run_contract.record import Record


@dataclass(frozen=True)
class DatasetRecord(Record):
    """The place of a run's images.

    source: as the user gave it. root: the directory that the paths in the manifest are relative to. content_id: the
    same for the same content; of a directory, which may change, it is only the path.
    """

    written_by: ClassVar[str] = "the task download"

    source: str
    root: str
    content_id: str

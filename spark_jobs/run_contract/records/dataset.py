"""dataset.json, written by the task download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from run_contract.record import Record


@dataclass(frozen=True)
class DatasetRecord(Record):
    """Where the images of a run are.

    root: directory that the paths of the manifest are relative to. content_id: the same for the same content;
    for a directory, which is used where it is and may change, only its path is known here.
    """

    written_by: ClassVar[str] = "the task download"

    source: str
    root: str
    content_id: str

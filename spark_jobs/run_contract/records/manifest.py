"""manifest.json, written by the task manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from run_contract.record import Record


@dataclass(frozen=True)
class ManifestRequest:
    """What a manifest was made from; a different request needs a different manifest. limit: of rows, or None."""

    content_id: str
    limit: int | None
    labels: tuple[str, ...]


@dataclass(frozen=True)
class ManifestRecord(Record):
    """The summary of a manifest.

    source, root, content_id: as in DatasetRecord. bytes: of all images. skipped: the number of files left out for each
    reason. fingerprint: sha256 over the paths, sizes and modification times of all images.
    """

    written_by: ClassVar[str] = "the task manifest"

    source: str
    root: str
    content_id: str
    rows: int
    shards: int
    bytes: int
    skipped: Mapping[str, int]
    fingerprint: str
    request: ManifestRequest

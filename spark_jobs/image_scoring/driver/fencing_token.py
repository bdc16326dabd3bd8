"""Only the newest attempt of a run may commit."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from run_contract.errors import BatchPredictionsError
from run_contract.files import replace_atomically


class Fenced(BatchPredictionsError):
    """Another attempt has taken over this run."""


class Fence:
    """A token in a file. A driver takes it at its start; one that finds another's token there must stop.

    A driver that lost its Airflow task keeps running for a while: without the fence it would commit beside the
    retry, and hold its cores.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.token = uuid4().hex
        with replace_atomically(path) as part:
            part.write_text(self.token)

    def check(self) -> None:
        """Raises Fenced when another attempt has taken over."""
        if self._path.read_text() != self.token:
            raise Fenced(f"run {self._path.parent.name}: a newer attempt has taken over, this one stops")

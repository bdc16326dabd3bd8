"""Let only the newest attempt of a run commit."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from run_contract.errors import BatchPredictionsError
from run_contract.files import replace_atomically


class AttemptSuperseded(BatchPredictionsError):
    """A newer attempt has taken over this run."""


class FencingToken:
    """A random token in a file of the run. Each driver writes its own at its start.

    A driver that finds another token there must stop. One that lost its Airflow task keeps running for a while; without
    the token it would hold its cores and commit at the same time as the retry.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.value = uuid4().hex
        with replace_atomically(path) as part:
            part.write_text(self.value)

    def check(self) -> None:
        """Raise AttemptSuperseded if a newer attempt has taken over."""
        if self._path.read_text() != self.value:
            raise AttemptSuperseded(f"run {self._path.parent.name}: a newer attempt has taken over; this one stops")

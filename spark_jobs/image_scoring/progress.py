"""progress.json: what the driver tells everybody who watches the run."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from image_scoring.commits import Commit
from image_scoring.contract import BatchPredictionsError, TemporaryError
from image_scoring.files import write_json


@dataclass
class Progress:
    """The state of one predict attempt; `write` rewrites the file as a whole.

    state: starting, predicting, finished or failed; message and worth_retrying say more of a failure.
    rows_done: committed rows of the whole run, those of earlier attempts among them (rows_resumed).
    carried, rerun, rechecked, flips: as in Commit, of the whole run.
    steady_images_per_second: rows of this attempt a second, from the first image begun to the last result.
    """

    run_key: str
    attempt: str
    engine: str = ""
    precision: str = ""
    model: str = ""
    state: str = "starting"
    message: str = ""
    worth_retrying: bool = True
    rows_total: int = 0
    rows_resumed: int = 0
    rows_done: int = 0
    errors: int = 0
    carried: int = 0
    rerun: int = 0
    rechecked: int = 0
    flips: int = 0
    shards_total: int = 0
    shards_done: int = 0
    cores: int = 0
    workers: int = 0
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    updated_at: str = ""
    elapsed_seconds: float = 0.0
    steady_images_per_second: float | None = None
    eta_seconds: float | None = None

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self._began, self._ended = math.inf, -math.inf

    def resume(self, rows_total: int, shards_total: int, commits: Iterable[Commit]) -> None:
        """Takes over what is committed."""
        self.rows_total, self.shards_total = rows_total, shards_total
        self.shards_done = self.rows_done = self.errors = self.carried = self.rerun = self.rechecked = 0
        for commit in commits:
            self.add(commit)
        self.rows_resumed = self.rows_done
        self._began, self._ended = math.inf, -math.inf

    def start_predicting(self) -> None:
        self.state = "predicting"

    def add(self, commit: Commit) -> None:
        """Counts one committed shard."""
        self.shards_done += 1
        self.rows_done += commit.rows
        self.errors += commit.errors
        self.carried += commit.carried
        self.rerun += commit.rerun
        self.rechecked += commit.rechecked
        if commit.began is not None and commit.ended is not None:
            self._began, self._ended = min(self._began, commit.began), max(self._ended, commit.ended)

    def finish(self, path: Path) -> None:
        self.state, self.eta_seconds = "finished", 0.0
        self.write(path)

    def fail(self, path: Path, error: BatchPredictionsError) -> None:
        self.state, self.message, self.eta_seconds = "failed", str(error), None
        self.worth_retrying = isinstance(error, TemporaryError)
        self.write(path)

    def write(self, path: Path) -> None:
        now = time.monotonic()
        self.elapsed_seconds = round(now - self._started, 3)
        self.updated_at = datetime.now(UTC).isoformat()
        rows = self.rows_done - self.rows_resumed
        if self.state == "predicting" and rows > 0 and self._ended > self._began:
            rate = rows / (self._ended - self._began)
            self.steady_images_per_second = round(rate, 2)
            self.eta_seconds = round((self.rows_total - self.rows_done) / rate, 1)
        write_json(path, asdict(self))

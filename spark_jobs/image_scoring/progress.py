"""progress.json: what the driver tells everybody who watches the run."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from image_scoring.contract import BatchPredictionsError, TemporaryError
from image_scoring.files import write_json


@dataclass
class Progress:
    """The state of one predict attempt; `write` rewrites the file as a whole.

    state: starting, predicting, finished or failed; message and worth_retrying say more of a failure.
    rows_done: committed rows of the whole run, those of earlier attempts among them (rows_resumed).
    rows_in_flight: rows of finished tasks whose wave is not committed yet.
    steady_images_per_second: rows of this attempt a second, without its start-up.
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
    rows_in_flight: int = 0
    errors: int = 0
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
        self._predicting_since = 0.0
        self._first_result: tuple[float, int] | None = None
        self._lock = threading.Lock()

    def resume(self, rows_total: int, shards_total: int, shards: int, rows: int, errors: int) -> None:
        """Takes over what earlier attempts committed."""
        self.rows_total, self.shards_total = rows_total, shards_total
        self.shards_done, self.rows_done, self.errors, self.rows_resumed = shards, rows, errors, rows

    def start_predicting(self) -> None:
        self.state = "predicting"
        self._predicting_since = time.monotonic()

    def commit(self, rows: int, errors: int) -> None:
        """Counts one committed shard; called from the waves' threads."""
        with self._lock:
            self.shards_done, self.rows_done, self.errors = (
                self.shards_done + 1,
                self.rows_done + rows,
                self.errors + errors,
            )

    def finish(self, path: Path) -> None:
        self.state, self.rows_in_flight, self.eta_seconds = "finished", 0, 0.0
        self.write(path)

    def fail(self, path: Path, error: BatchPredictionsError) -> None:
        self.state, self.message, self.eta_seconds = "failed", str(error), None
        self.worth_retrying = isinstance(error, TemporaryError)
        self.write(path)

    def write(self, path: Path) -> None:
        now = time.monotonic()
        self.elapsed_seconds = round(now - self._started, 3)
        self.updated_at = datetime.now(UTC).isoformat()
        rows = self.rows_done + self.rows_in_flight - self.rows_resumed
        if self.state == "predicting" and rows > 0:
            rate = self._rate(now, rows)
            self.steady_images_per_second = round(rate, 2)
            self.eta_seconds = round((self.rows_total - self.rows_resumed - rows) / rate, 1)
        write_json(path, asdict(self))

    def _rate(self, now: float, rows: int) -> float:
        """Rows a second since the first result; over all the time while there is nothing after it."""
        if self._first_result is None:
            self._first_result = (now, rows)
        since, before = self._first_result
        if rows == before:
            since, before = self._predicting_since, 0
        return (rows - before) / max(now - since, 1e-3)

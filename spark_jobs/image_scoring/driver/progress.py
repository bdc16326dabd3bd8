"""progress.json: what the driver tells everybody who watches the run."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from image_scoring.driver.commits import Commit
from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.files import write_json

MOST_SAMPLES = 240
FINEST_SECONDS = 0.5

Sample = tuple[float, int, int]
"""When (Unix time, seconds), committed rows of the whole run, cores at work."""


@dataclass
class Progress:
    """The state of one predict attempt; `write` rewrites the file as a whole.

    state: starting, predicting, finished or failed; message and worth_retrying say more of a failure.
    waiting: for the first executor. image_timeout: seconds after which an image counts as hung.
    rows_done: committed rows of the whole run, those of earlier attempts among them (rows_resumed).
    label_agreement: as EngineChoice.agreement. carried, rerun, rechecked, flips: as in Commit, of the whole run.
    steady_images_per_second: rows of this attempt a second, from the first image begun to the last result.
    samples: how the rows came, from the start of predicting until now, over all attempts.
    """

    run_key: str
    attempt: str
    engine: str = ""
    precision: str = ""
    label_agreement: float | None = None
    model: str = ""
    state: str = "starting"
    waiting: bool = False
    image_timeout: float = 0.0
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
    samples: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self._began, self._ended = math.inf, -math.inf

    def resume(
        self, rows_total: int, shards_total: int, commits: Iterable[Commit], samples: Iterable[Sample] = ()
    ) -> None:
        """Takes over what is committed, and the samples of the attempts that did it."""
        self.rows_total, self.shards_total = rows_total, shards_total
        self.shards_done = self.rows_done = self.errors = self.carried = self.rerun = self.rechecked = 0
        for commit in commits:
            self.add(commit)
        self.rows_resumed = self.rows_done
        self.samples = [sample for sample in samples if sample[1] <= self.rows_done]
        self._began, self._ended = math.inf, -math.inf

    def start_predicting(self) -> None:
        self.state, self.waiting = "predicting", False

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
        if self.state == "predicting":
            self.samples = add_sample(self.samples, (round(time.time(), 2), self.rows_done, self.cores))
        rows = self.rows_done - self.rows_resumed
        if self.state == "predicting" and rows > 0 and self._ended > self._began:
            rate = rows / (self._ended - self._began)
            self.steady_images_per_second = round(rate, 2)
            self.eta_seconds = round((self.rows_total - self.rows_done) / rate, 1)
        write_json(path, asdict(self))


def add_sample(samples: list[Sample], sample: Sample) -> list[Sample]:
    """`samples` and the new one, thinned to MOST_SAMPLES: the first, and the newest of each of equally long spans.

    The spans are twice as long whenever there would be too many, so that a longer one covers two shorter ones and
    what was thinned before stays even.
    """
    before = [earlier for earlier in samples if earlier[0] < sample[0]]  # a clock that was set back starts from there
    if not before:
        return [sample]
    first, *others = [*before, sample]
    seconds = FINEST_SECONDS
    while (sample[0] - first[0]) / seconds >= MOST_SAMPLES - 1:
        seconds *= 2
    newest = {int((other[0] - first[0]) / seconds): other for other in others}
    return [first, *newest.values()]

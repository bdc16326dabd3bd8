"""Where a run's files are: the one place that knows the workspace's directories."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from run_contract.errors import BatchPredictionsError


def deployed_workspace() -> Path:
    """The directory that Airflow and the Spark workers share. All that a run writes is below it."""
    return Path(os.environ.get("BATCH_PREDICTIONS_WORKSPACE") or Path(__file__).resolve().parents[2] / "workspace")


@dataclass(frozen=True)
class Workspace:
    """Everything that the product writes lives under one directory."""

    root: Path

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def downloads(self) -> Path:
        return self.root / "downloads"

    @property
    def converted_models(self) -> Path:
        return self.root / "models" / "converted"

    @property
    def published(self) -> Path:
        return self.root / "published"

    @property
    def history(self) -> Path:
        return self.root / "history.jsonl"

    def published_run(self) -> str | None:
        """The run key that published/current points to."""
        try:
            return Path(os.readlink(self.published / "current")).name
        except FileNotFoundError:
            return None

    def run(self, run_key: str) -> RunPaths:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", run_key):
            raise BatchPredictionsError(f"run key {run_key!r}: only letters, digits, '_', '.' and '-' are allowed")
        return RunPaths(self.root / "runs" / run_key)


@dataclass(frozen=True)
class RunPaths:
    """The files of one run, see docs/data-contract.md."""

    root: Path

    @property
    def run_key(self) -> str:
        return self.root.name

    @property
    def dataset(self) -> Path:
        return self.root / "dataset.json"

    @property
    def images_csv(self) -> Path:
        return self.root / "images.csv"

    @property
    def manifest(self) -> Path:
        return self.root / "manifest"

    @property
    def manifest_summary(self) -> Path:
        return self.root / "manifest.json"

    @property
    def plan(self) -> Path:
        return self.root / "plan.json"

    @property
    def predictions(self) -> Path:
        return self.root / "predictions"

    def pending_shards(self) -> list[int]:
        """The shards of the manifest that have no committed predictions yet."""
        committed = set(shard_numbers(self.predictions))
        return [shard for shard in shard_numbers(self.manifest) if shard not in committed]

    @property
    def scoring(self) -> Path:
        return self.root / "scoring.json"

    @property
    def commits(self) -> Path:
        return self.root / "commits.jsonl"

    @property
    def flips(self) -> Path:
        return self.root / "flips.json"

    @property
    def base_run(self) -> Path:
        return self.root / "base_run.json"

    @property
    def staging(self) -> Path:
        return self.root / "staging"

    @property
    def fencing_token(self) -> Path:
        return self.root / "fencing_token"

    @property
    def progress(self) -> Path:
        return self.root / "progress.json"

    @property
    def submissions(self) -> Path:
        return self.root / "submissions.jsonl"

    @property
    def failure(self) -> Path:
        return self.root / "failure.json"

    @property
    def alerts(self) -> Path:
        return self.root / "alerts.jsonl"

    @property
    def watch_state(self) -> Path:
        return self.root / "watch.json"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.json"

    @property
    def gallery(self) -> Path:
        return self.root / "gallery.parquet"

    @property
    def report(self) -> Path:
        return self.root / "report.html"

    @property
    def predictions_csv(self) -> Path:
        return self.root / "predictions.csv"


def run_key(moment: datetime) -> str:
    """A name for the run due at `moment`: the same in every process, sorts by time, fits a file name."""
    moment = moment.astimezone(UTC)
    fraction = f".{moment.microsecond:06d}" if moment.microsecond else ""
    return f"{moment:%Y%m%dT%H%M%S}{fraction}Z"


def shard_numbers(directory: Path) -> list[int]:
    """The numbers of the shards in `directory`, in order."""
    if not directory.is_dir():
        return []
    with os.scandir(directory) as entries:
        return sorted(int(m[1]) for e in entries if (m := re.fullmatch(r"shard-(\d+)\.parquet", e.name)))


def shard_name(shard: int) -> str:
    """The file name of one shard, the same under manifest/ and predictions/."""
    return f"shard-{shard:06d}.parquet"

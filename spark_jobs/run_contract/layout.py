"""The one place that defines where files are: in the workspace, and in the directory of a run.

docs/data-contract.md describes the files.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from run_contract.errors import BatchPredictionsError


class Below:
    """The path of a file or directory below the `root` of its owner."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, owner: Any, kind: type) -> Path:
        path: Path = owner.root / self._name
        return path


@dataclass(frozen=True)
class RunPaths:
    """The files of one run; the comments give the record in each file, and the task that writes it.

    root: the directory of the run.
    """

    root: Path

    # download
    dataset = Below("dataset.json")  # DatasetRecord
    # manifest
    images_csv = Below("images.csv")
    manifest = Below("manifest")  # the directory of the manifest's shards
    manifest_summary = Below("manifest.json")  # ManifestRecord
    # plan
    plan = Below("plan.json")  # PlanRecord
    # predict
    submissions = Below("submissions.jsonl")  # SubmissionRecord on each line
    fencing_token = Below("fencing_token")
    scoring = Below("scoring.json")  # ScoringRecord
    base_run = Below("base_run.json")  # BaseRunRecord
    staging = Below("staging")  # the directory of shards that are not committed yet
    predictions = Below("predictions")  # the directory of committed shards
    commits = Below("commits.jsonl")  # CommitRecord on each line
    flips = Below("flips.json")  # FlipRecord
    progress = Below("progress.json")  # ProgressRecord
    # watch_runtime, and the deadline alert
    watch_state = Below("watch.json")  # WatchStateRecord
    alerts = Below("alerts.jsonl")  # AlertRecord on each line
    # validate
    metrics = Below("metrics.json")  # MetricsRecord
    gallery = Below("gallery.parquet")  # GalleryRecord in its metadata
    # publish
    predictions_csv = Below("predictions.csv")
    table = Below("table.json")  # TableRecord
    report = Below("report.html")
    # any task that fails
    failure = Below("failure.json")  # FailureRecord

    @property
    def run_key(self) -> str:
        """The name of the run."""
        return self.root.name

    def pending_shards(self) -> list[int]:
        """Return the numbers of the manifest's shards without committed predictions, in order."""
        committed = set(shard_numbers(self.predictions))
        return [shard for shard in shard_numbers(self.manifest) if shard not in committed]


@dataclass(frozen=True)
class Workspace:
    """The directory below which everything is written, shared by Airflow and the Spark workers."""

    root: Path

    downloads = Below("downloads")  # archives
    datasets = Below("datasets")  # extracted archives
    converted_models = Below("models/converted")
    published = Below("published")  # links to the run that is published
    history = Below("history.jsonl")  # HistoryRecord on each line

    def run(self, run_key: str) -> RunPaths:
        """Return the paths of a run. Raises BatchPredictionsError for a key that is not a plain file name."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", run_key):
            raise BatchPredictionsError(f"run key {run_key!r}: only letters, digits, '_', '.' and '-' are allowed")
        return RunPaths(self.root / "runs" / run_key)

    def published_run(self) -> str | None:
        """Return the key of the run that is published, or None."""
        try:
            return Path(os.readlink(self.published / "current")).name
        except FileNotFoundError:
            return None


def deployed_workspace() -> Path:
    """Return the workspace of this deployment: BATCH_PREDICTIONS_WORKSPACE, or `workspace` in the repository."""
    return Path(os.environ.get("BATCH_PREDICTIONS_WORKSPACE") or Path(__file__).resolve().parents[2] / "workspace")


def run_key(moment: datetime) -> str:
    """Return the name of the run that is due at `moment`: the same in every process, sorted by time, fit for a file."""
    moment = moment.astimezone(UTC)
    fraction = f".{moment.microsecond:06d}" if moment.microsecond else ""
    return f"{moment:%Y%m%dT%H%M%S}{fraction}Z"


def shard_name(shard: int) -> str:
    """Return the file name of a shard, the same in manifest/ and predictions/."""
    return f"shard-{shard:06d}.parquet"


def shard_numbers(directory: Path) -> list[int]:
    """Return the numbers of the shards in `directory`, in order; none when there is no such directory."""
    if not directory.is_dir():
        return []
    with os.scandir(directory) as entries:
        return sorted(int(m[1]) for e in entries if (m := re.fullmatch(r"shard-(\d+)\.parquet", e.name)))

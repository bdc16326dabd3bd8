"""What the orchestrator and the job agree on: names, paths, records. Standard library only."""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

PREDICTED = "predicted"
ERROR = "error"

PREDICTION_COLUMNS = ("img_path", "prediction", "probability", "status", "error", "model")
ENGINES = ("auto", "openvino", "tensorflow")
PRECISIONS = ("f32", "bf16", "int8", "cascade")
BOOLEANS = ("true", "false")

# The key of gallery.parquet's metadata: how many rows of the run are of which kind.
GALLERY_STRATA = "batch_predictions.strata"

# The manifest's shards: so many of the first size, as many of twice that, and so on up to the last size.
FIRST_SHARD_ROWS, LAST_SHARD_ROWS, SHARDS_OF_ONE_SIZE = 512, 4096, 16


def deployed_workspace() -> Path:
    """The directory that Airflow and the Spark workers share. All that a run writes is below it."""
    return Path(os.environ.get("BATCH_PREDICTIONS_WORKSPACE") or Path(__file__).resolve().parents[2] / "workspace")


class BatchPredictionsError(Exception):
    """A failure we can explain: what failed, the object, the cause, what to do next, in one line.

    Trying again does not help unless somebody changes something.
    """


class TemporaryError(BatchPredictionsError):
    """A failure that may pass by itself, such as a network that is down: worth a retry."""


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
    def compiled_models(self) -> Path:
        return self.root / "models" / "compiled"

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
    def basis(self) -> Path:
        return self.root / "basis.json"

    @property
    def staging(self) -> Path:
        return self.root / "staging"

    @property
    def fence(self) -> Path:
        return self.root / "fence"

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
    def watch(self) -> Path:
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


def encode_path(name: bytes) -> str:
    r"""A file's path relative to the dataset's root, as text that round-trips exactly.

    Valid UTF-8 stays as it is but for the backslash, which is doubled, because a control character (it would break
    the lines of a CSV file) and a byte that is not UTF-8 become ``\xNN``. A leading ``= + - @`` gets ``./`` before
    it: the same path to the file system, and no formula to a spreadsheet.
    """
    escaped = re.sub(rb"[\x00-\x1f\x7f]", lambda m: b"\\x%02x" % m[0][0], name.replace(b"\\", b"\\\\"))
    text = escaped.decode("utf-8", errors="backslashreplace")
    return f"./{text}" if text[:1] in "=+-@" else text


def decode_path(img_path: str) -> bytes:
    """The inverse of `encode_path`."""

    def unescape(match: re.Match[bytes]) -> bytes:
        return b"\\" if match[0] == b"\\\\" else bytes([int(match[1], 16)])

    return re.sub(rb"\\\\|\\x([0-9a-f]{2})", unescape, img_path.removeprefix("./").encode())


@dataclass(frozen=True)
class JobArguments:
    """The command line of spark_jobs/predict.py; `to_argv` and `parse` are each other's inverse."""

    workspace: str
    run_key: str
    model: str
    engine: str = "auto"
    precision: str = "f32"
    only_new: bool = False
    image_timeout: float = 60.0

    def to_argv(self) -> list[str]:
        # --name=value in one word: a value that starts with a dash stays a value.
        return [f"--{field.name.replace('_', '-')}={_to_word(getattr(self, field.name))}" for field in fields(self)]

    @classmethod
    def parse(cls, argv: list[str]) -> JobArguments:
        parser = argparse.ArgumentParser(prog="predict.py", allow_abbrev=False)
        parser.add_argument("--workspace", required=True, help="directory shared by driver and executors")
        parser.add_argument("--run-key", required=True, help="the run under workspace/runs/")
        parser.add_argument("--model", required=True, help="Keras model file (.h5, .keras)")
        parser.add_argument("--engine", choices=ENGINES, default="auto")
        parser.add_argument("--precision", choices=PRECISIONS, default="f32")
        parser.add_argument("--only-new", choices=BOOLEANS, default="false", help="carry unchanged images over")
        parser.add_argument("--image-timeout", type=float, default=60.0, help="seconds until an image counts as hung")
        values = vars(parser.parse_args(argv))
        return cls(**{**values, "only_new": values["only_new"] == "true"})


def _to_word(value: str | bool | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

"""Submits the prediction job as the task `predict` does, with faults, and reads its results."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_predictions.manifest import build_manifest
from run_contract import manifest_layout
from run_contract.arguments import JobArguments
from run_contract.files import sha256_of
from run_contract.layout import RunPaths, Workspace, shard_name, shard_numbers
from run_contract.record import require_record
from run_contract.records.dataset import DatasetRecord
from run_contract.records.manifest import ManifestRecord
from run_contract.records.predict import DriverState, ProgressRecord
from tests.faults.cluster import Cluster
from tests.helpers import LABELS, MODEL, REPOSITORY

INJECT = Path(__file__).parent / "inject"
FIRST_SHARD_ROWS = 32
DEADLINE_SECONDS = 600.0  # of a busy machine; a job that hangs has failed


@dataclass(frozen=True)
class Stage:
    """A cluster, a workspace with the converted model, and images. tmp: for handshakes and logs."""

    cluster: Cluster
    workspace: Workspace
    images: Path
    tmp: Path

    def new_run(self, run_key: str, images: Path | None = None) -> RunPaths:
        """Return a run with a manifest of many small shards."""
        run, root = self.workspace.run(run_key), str(images or self.images)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(manifest_layout, "FIRST_SHARD_ROWS", FIRST_SHARD_ROWS)
            build_manifest(run, DatasetRecord(source=root, root=root, content_id="images"), LABELS)
        return run

    def submit(
        self,
        run: RunPaths,
        *,
        driver: Mapping[str, Any] | None = None,
        executors: Mapping[str, Any] | None = None,
        conf: Mapping[str, str] | None = None,
        **arguments: Any,
    ) -> Submission:
        """Start spark-submit. driver, executors: faults of `inject.sitecustomize` by name, with their settings."""
        settings = {
            "spark.log.level": "WARN",
            "spark.ui.showConsoleProgress": "false",
            # Nothing of this project: executors must get the code from the job itself.
            "spark.executorEnv.PYTHONPATH": str(INJECT),
            "spark.executorEnv.FAULTS": json.dumps(executors or {}),
            **(conf or {}),
        }
        job = JobArguments(str(self.workspace.root), run.run_key, str(MODEL), **arguments)
        command = [
            f"{self.cluster.environment['SPARK_HOME']}/bin/spark-submit",
            *("--master", self.cluster.master_url, "--properties-file", str(self.cluster.properties)),
            *(word for name, value in settings.items() for word in ("--conf", f"{name}={value}")),
            str(REPOSITORY / "spark_jobs" / "predict.py"),
            *job.to_argv(),
        ]
        environment = {**self.cluster.environment, "PYTHONPATH": str(INJECT), "FAULTS": json.dumps(driver or {})}
        return Submission(command, environment, self.tmp / f"{run.run_key}-{time.monotonic_ns()}")

    def predict(self, run: RunPaths, **settings: Any) -> None:
        """Submits the job and waits for its success."""
        with self.submit(run, **settings) as submission:
            assert submission.wait() == 0, submission.output


class Submission:
    """A running spark-submit, JVM and Python in their own process group; `with` kills it at the end."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self._log, self._errors = log.with_suffix(".out"), log.with_suffix(".err")
        with open(self._log, "wb") as out, open(self._errors, "wb") as err:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )

    def __enter__(self) -> Submission:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def printed(self) -> str:
        """The standard output of the driver's Python process."""
        return self._log.read_text(errors="replace")

    @property
    def output(self) -> str:
        return f"{self.printed}\n{self._errors.read_text(errors='replace')[-20000:]}"

    def kill(self) -> None:
        """Kill JVM and Python with SIGKILL."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait(self) -> int:
        self.until(lambda: self.process.poll() is not None, "its end")
        return self.process.returncode

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Polls `condition`. Fails at the deadline, or when the job ends before."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert self.process.poll() is None or condition(), f"ended before {what}:\n{self.output}"
            assert time.monotonic() < deadline, f"{what}: not within {DEADLINE_SECONDS:.0f} s:\n{self.output}"
            time.sleep(0.05)

    def until_held(self, handshake: Path) -> Held:
        """Waits until a process reaches the hold. If it has died in the meantime, waits for the next one."""
        found: list[Held] = []

        def is_reached() -> bool:
            with suppress(FileNotFoundError):
                try:
                    found.append(Held(handshake, **json.loads(handshake.read_text())))
                except psutil.NoSuchProcess:  # with an executor that Spark gave up
                    handshake.unlink()
            return bool(found)

        self.until(is_reached, f"the hold {handshake.name}")
        return found[0]


@dataclass(frozen=True)
class Held:
    """A process that `inject.sitecustomize.hold` holds. In a Python worker, parent is the daemon."""

    handshake: Path
    pid: int
    parent: int
    executor: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "executor", psutil.Process(self.parent).ppid())

    def release(self) -> None:
        self.handshake.with_suffix(".go").touch()


def hashes(run: RunPaths) -> dict[int, str]:
    """Return the sha256 of each committed file by shard."""
    return {number: sha256_of(run.predictions / shard_name(number)) for number in shard_numbers(run.predictions)}


def stamps(run: RunPaths) -> dict[int, tuple[int, int]]:
    """Inode and modification time of each committed shard, which identify the file."""
    found = {number: (run.predictions / shard_name(number)).stat() for number in shard_numbers(run.predictions)}
    return {number: (stat.st_ino, stat.st_mtime_ns) for number, stat in found.items()}


def rows(run: RunPaths) -> list[dict[str, Any]]:
    shards = [pq.read_table(run.predictions / shard_name(number)) for number in shard_numbers(run.predictions)]
    listed: list[dict[str, Any]] = pa.concat_tables(shards).drop_columns(["shard"]).to_pylist()
    return listed


def progress_of(run: RunPaths) -> ProgressRecord:
    return require_record(ProgressRecord, run.progress)


def assert_complete(run: RunPaths) -> ProgressRecord:
    """Assert that each row of the manifest is committed and counted once and no temporary file is left.

    Returns the progress.
    """
    progress, manifest = progress_of(run), require_record(ManifestRecord, run.manifest_summary)
    assert not run.pending_shards()
    assert progress.state is DriverState.FINISHED
    assert progress.rows_done == progress.rows_total == manifest.rows
    assert progress.shards_done == progress.shards_total == manifest.shards
    assert not run.staging.exists()
    assert not list(run.root.rglob("*.part"))
    assert not list(run.root.rglob("*.crc"))
    return progress

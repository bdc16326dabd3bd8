"""This project's job as the task `predict` runs it: spark-submit, timed from start to end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from batch_predictions.manifest import build_manifest
from local_stack.options import REPOSITORY
from run_contract.arguments import JobArguments
from run_contract.files import remove
from run_contract.layout import RunPaths, Workspace, shard_name, shard_numbers
from run_contract.record import require_record
from run_contract.records.dataset import DatasetRecord
from run_contract.records.predict import ProgressRecord

CONF = ("spark.log.level=WARN", "spark.ui.showConsoleProgress=false")


def prepare(workspace: Workspace, run_key: str, root: Path, labels: tuple[str, ...], limit: int) -> RunPaths:
    """Return a new run with its manifest, which the tasks before `predict` write otherwise."""
    run = workspace.run(run_key)
    remove(run.root)
    run.root.mkdir(parents=True)
    build_manifest(run, DatasetRecord(source=str(root), root=str(root), content_id=f"directory:{root}"), labels, limit)
    return run


def command(environment: Mapping[str, str], master: str, arguments: JobArguments) -> list[str]:
    return [
        f"{environment['SPARK_HOME']}/bin/spark-submit",
        *("--master", master, "--name", "batch_predictions"),
        *("--properties-file", environment["BATCH_PREDICTIONS_SPARK_PROPERTIES"]),
        *(word for setting in CONF for word in ("--conf", setting)),
        str(REPOSITORY / "spark_jobs" / "predict.py"),
        *arguments.to_argv(),
    ]


def read_labels(run: RunPaths) -> list[str]:
    """Return the labels in the order of the manifest; "" for an image without a prediction."""
    shards = [pq.read_table(run.predictions / shard_name(n)) for n in shard_numbers(run.predictions)]
    return [label or "" for shard in shards for label in shard.column("prediction").to_pylist()]


def read_report(run: RunPaths) -> dict[str, Any]:
    """Return the job's own figures. The precision is f32 if a cascade does not pay on this machine."""
    progress = require_record(ProgressRecord, run.progress)
    return {"precision": progress.precision, "steady_images_per_second": progress.steady_images_per_second}

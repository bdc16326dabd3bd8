"""This project's job as the task `predict` runs it: spark-submit, timed from start to end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from batch_predictions.manifest import build_manifest
from local_stack.options import REPOSITORY
from run_contract.arguments import JobArguments
from run_contract.files import read_json, remove
from run_contract.layout import RunPaths, Workspace, shard_name, shard_numbers
from run_contract.records.dataset import DatasetRecord

CONF = ("spark.log.level=WARN", "spark.ui.showConsoleProgress=false")


def prepare(workspace: Workspace, run_key: str, root: Path, labels: tuple[str, ...], limit: int) -> RunPaths:
    """A new run with its manifest, which the tasks before `predict` would have written."""
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
    """The labels in the manifest's order; an image without a prediction has ""."""
    shards = [pq.read_table(run.predictions / shard_name(n)) for n in shard_numbers(run.predictions)]
    return [label or "" for shard in shards for label in shard.column("prediction").to_pylist()]


def read_report(run: RunPaths) -> dict[str, Any]:
    """What the job says of itself in progress.json. The precision is f32 where this machine has no use for another."""
    progress = read_json(run.progress) or {}
    return {name: progress.get(name) for name in ("precision", "steady_images_per_second")}

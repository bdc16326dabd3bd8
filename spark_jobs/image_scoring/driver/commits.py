"""Commit predictions shard by shard: count what a task has staged, log it in commits.jsonl, rename it into place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from image_scoring.driver.fencing_token import FencingToken
from image_scoring.images.manifest_shards import count_rows, manifest_rows
from image_scoring.worker.udf import counts_path
from run_contract.errors import TemporaryError
from run_contract.files import remove, replace_atomically
from run_contract.layout import RunPaths, shard_name, shard_numbers
from run_contract.record import append_record, read_record, read_records
from run_contract.records.predict import CommitRecord, ShardCounts


class LabelsFlipped(Exception):
    """A cascade's label was not that of f32. The shard is not committed.

    commit: what would have been committed.
    """

    def __init__(self, commit: CommitRecord) -> None:
        self.commit = commit
        super().__init__(f"{commit.flips} of {commit.rechecked} rows that were rechecked have another label in f32")


def commit_staged(run: RunPaths, staged: Path, counts: Path, fencing_token: FencingToken) -> Iterator[CommitRecord]:
    """Commit the shards that finished tasks have left in `staged`, one atomic rename each; yield a record for each.

    counts: the directory of the ShardCounts. Raises TemporaryError when a file is not one whole shard of the manifest,
    AttemptSuperseded when a newer attempt has taken over, LabelsFlipped when a cascade was wrong.
    """
    for part in sorted(staged.glob("part-*.parquet")):
        table = pq.read_table(part)
        commit = _inspect(run, part, table, counts)
        if commit.flips:
            raise LabelsFlipped(commit)
        with replace_atomically(run.predictions / shard_name(commit.shard)) as target:
            # Spark's file has metadata that differs from JVM to JVM; this one has the same bytes for the same rows.
            pq.write_table(table.replace_schema_metadata(), target, compression="zstd")
            fencing_token.check()
            # Before the rename: a kill between the two leaves an extra line, which load_commits ignores.
            append_record(run.commits, commit)
        part.unlink()
        yield commit


def _inspect(run: RunPaths, part: Path, table: pa.Table, counts: Path) -> CommitRecord:
    shards = table.column("shard").unique().to_pylist()
    if len(shards) != 1 or table.num_rows != manifest_rows(run, shards[0]):
        raise TemporaryError(
            f"run {run.run_key}: {part.name} has {table.num_rows} rows of the shards {shards}, which is not one whole "
            "shard of the manifest; it was not committed; run predict again"
        )
    shard_counts = read_record(ShardCounts, counts_path(counts, shards[0])) or ShardCounts()
    return CommitRecord(shards[0], *count_rows(table), **asdict(shard_counts))


def load_commits(run: RunPaths) -> list[CommitRecord]:
    """Return a record for each committed shard, in order; a shard without its line is counted again."""
    logged = {commit.shard: commit for commit in read_records(CommitRecord, run.commits)}
    return [logged.get(shard) or _count(run, shard) for shard in shard_numbers(run.predictions)]


def _count(run: RunPaths, shard: int) -> CommitRecord:
    return CommitRecord(shard, *count_rows(pq.read_table(run.predictions / shard_name(shard), columns=["status"])))


def drop_commits(run: RunPaths) -> None:
    """Remove all predictions of the run."""
    remove(run.predictions)
    remove(run.commits)
    run.predictions.mkdir()

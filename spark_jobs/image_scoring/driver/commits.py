"""Predictions become part of a run, shard by shard: what a wave has staged is counted, noted and renamed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from image_scoring.driver.fencing_token import FencingToken
from image_scoring.images.manifest_shards import count_rows, manifest_rows
from image_scoring.worker.udf import counts_path
from run_contract.errors import TemporaryError
from run_contract.files import append_json_line, read_json, read_json_lines, remove, replace_atomically
from run_contract.layout import RunPaths, shard_name, shard_numbers


@dataclass(frozen=True)
class Commit:
    """A line of commits.jsonl.

    carried: rows taken over from an earlier run; rerun: rows of a cascade that were predicted again in f32;
    rechecked: rows of a cascade that were compared with f32, flips: those whose label was another. began, ended: of
    its task's work on the images, seconds since 1970; None where that is not known.
    """

    shard: int
    rows: int
    errors: int
    carried: int = 0
    rerun: int = 0
    rechecked: int = 0
    flips: int = 0
    began: float | None = None
    ended: float | None = None


class LabelsFlipped(Exception):
    """A cascade's label was not that of f32; nothing of this shard was committed."""

    def __init__(self, commit: Commit) -> None:
        self.commit = commit
        super().__init__(f"{commit.flips} of {commit.rechecked} rows that were checked again have another label in f32")


def commit_staged(run: RunPaths, staged: Path, counts: Path, fencing_token: FencingToken) -> Iterator[Commit]:
    """Puts the shards that finished tasks have left in `staged` into place, one atomic rename each.

    Each is counted against its shard of the manifest before, and the fence is asked each time. Raises LabelsFlipped.
    """
    for part in sorted(staged.glob("part-*.parquet")):
        table = pq.read_table(part)
        commit = _inspect(run, part, table, counts)
        if commit.flips:
            raise LabelsFlipped(commit)
        with replace_atomically(run.predictions / shard_name(commit.shard)) as target:
            # Written anew: what Spark's writer notes in a file differs from one JVM to the next, for the same rows.
            pq.write_table(table.replace_schema_metadata(), target, compression="zstd")
            fencing_token.check()
            # Before the rename: a kill in between leaves a line too much, which load_commits leaves out.
            append_json_line(run.commits, asdict(commit))
        part.unlink()
        yield commit


def _inspect(run: RunPaths, part: Path, table: pa.Table, counts: Path) -> Commit:
    shards = table.column("shard").unique().to_pylist()
    if len(shards) != 1 or table.num_rows != manifest_rows(run, shards[0]):
        raise TemporaryError(
            f"run {run.run_key}: {part.name} has {table.num_rows} rows of the shards {shards}, which is not one "
            "whole shard of the manifest; nothing of it was committed, run predict again"
        )
    noted = read_json(counts_path(counts, shards[0])) or {}
    known = {field.name: noted[field.name] for field in fields(Commit) if field.name in noted}
    return Commit(shards[0], *count_rows(table), **known)


def load_commits(run: RunPaths) -> list[Commit]:
    """One for each shard in place; counted anew where the journal has lost its line."""
    noted = {record["shard"]: Commit(**record) for record in read_json_lines(run.commits)}
    return [noted.get(shard) or _count(run, shard) for shard in shard_numbers(run.predictions)]


def _count(run: RunPaths, shard: int) -> Commit:
    return Commit(shard, *count_rows(pq.read_table(run.predictions / shard_name(shard), columns=["status"])))


def drop_commits(run: RunPaths) -> None:
    """Gives up all predictions of the run, for a reason that the caller states."""
    remove(run.predictions)
    remove(run.commits)
    run.predictions.mkdir()

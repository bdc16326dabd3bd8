"""Which shards are committed, and how they are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from image_scoring.driver.commits import LabelsFlipped, commit_staged, drop_commits, load_commits
from image_scoring.driver.fencing_token import AttemptSuperseded, FencingToken
from image_scoring.worker.udf import counts_path
from run_contract import manifest_layout
from run_contract.errors import TemporaryError
from run_contract.layout import RunPaths, shard_name, shard_numbers
from run_contract.record import append_record, read_records, write_record
from run_contract.records.predict import CommitRecord, ShardCounts
from tests.helpers import make_run, manifest_paths, predicted, write_predictions

COUNTS = ShardCounts(carried=1, rerun=2, rechecked=3, flips=0, began=10.5, ended=12.0)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    """A run with the shards 0 (4 rows) and 1 (2 rows)."""
    monkeypatch.setattr(manifest_layout, "FIRST_SHARD_ROWS", 4)
    _, run = make_run(tmp_path, [f"{n}.jpg" for n in range(6)])
    run.predictions.mkdir()
    return run


def stage(run: RunPaths, shards: Sequence[int], statuses: Sequence[str], part: int = 0, **counts: Any) -> Path:
    """Write one part of a wave as Spark would: a row for each of `shards` and `statuses`, and the task's counts."""
    staged = run.staging / "wave"
    staged.mkdir(parents=True, exist_ok=True)
    rows = [{"shard": shard, "status": status} for shard, status in zip(shards, statuses, strict=True)]
    schema = pa.schema([("shard", pa.int32()), ("status", pa.string())])
    pq.write_table(pa.Table.from_pylist(rows, schema), staged / f"part-{part:05d}-x.snappy.parquet")
    write_record(counts_path(run.staging / "counts", shards[0]), replace(COUNTS, **counts))
    return staged


def commit(run: RunPaths, staged: Path, fencing_token: FencingToken | None = None) -> list[CommitRecord]:
    return list(commit_staged(run, staged, run.staging / "counts", fencing_token or FencingToken(run.fencing_token)))


def logged_shards(run: RunPaths) -> list[int]:
    return [commit.shard for commit in read_records(CommitRecord, run.commits)]


def test_whole_shards_are_moved_counted_and_logged(run: RunPaths) -> None:
    stage(run, [1, 1], ["predicted", "predicted"])
    staged = stage(run, [0] * 4, ["predicted", "error", "error", "predicted"], part=1, began=11.0)
    later = replace(COUNTS, began=11.0)
    expected = [CommitRecord(1, 2, 0, **asdict(COUNTS)), CommitRecord(0, 4, 2, **asdict(later))]
    assert commit(run, staged) == expected
    assert list(staged.iterdir()) == []
    assert shard_numbers(run.predictions) == [0, 1]
    assert run.pending_shards() == []
    assert pq.read_metadata(run.predictions / shard_name(0)).num_rows == 4
    assert logged_shards(run) == [1, 0]
    assert load_commits(run) == expected[::-1]


def test_a_shard_without_its_counts_is_committed(run: RunPaths) -> None:
    staged = stage(run, [1, 1], ["predicted", "error"])
    counts_path(run.staging / "counts", 1).unlink()
    assert commit(run, staged) == [CommitRecord(1, 2, 1)]
    assert load_commits(run) == [CommitRecord(1, 2, 1)]


@pytest.mark.parametrize("shards", [[0] * 3, [0] * 5, [0, 0, 0, 1], [0, 1, 0, 0], [1, 1, 0, 0], [1]])
def test_a_part_that_is_not_one_whole_shard_is_refused(shards: list[int], run: RunPaths) -> None:
    staged = stage(run, shards, ["predicted"] * len(shards))
    with pytest.raises(TemporaryError, match=rf"{len(shards)} rows of the shards .*, which is not one whole shard"):
        commit(run, staged)
    assert len(list(staged.iterdir())) == 1
    assert shard_numbers(run.predictions) == []
    assert logged_shards(run) == []


def test_a_part_of_an_unfinished_task_is_not_committed(run: RunPaths) -> None:
    staged = stage(run, [1, 1], ["predicted"] * 2)
    (part,) = staged.iterdir()
    hidden = staged / "_temporary" / "0" / part.name
    hidden.parent.mkdir(parents=True)
    part.rename(hidden)
    assert commit(run, staged) == []
    assert hidden.exists()


def test_without_staged_files_nothing_is_committed(run: RunPaths) -> None:
    assert commit(run, run.staging / "not there") == []


def test_a_superseded_attempt_commits_nothing(run: RunPaths) -> None:
    staged = stage(run, [1, 1], ["predicted"] * 2)
    fencing_token = FencingToken(run.fencing_token)
    FencingToken(run.fencing_token)
    with pytest.raises(AttemptSuperseded):
        commit(run, staged, fencing_token)
    assert len(list(staged.iterdir())) == 1
    assert shard_numbers(run.predictions) == []
    assert logged_shards(run) == []


def test_the_fencing_token_is_checked_before_each_shard(run: RunPaths) -> None:
    stage(run, [0] * 4, ["predicted"] * 4)
    staged = stage(run, [1, 1], ["predicted"] * 2, part=1)
    fencing_token = FencingToken(run.fencing_token)
    commits = commit_staged(run, staged, run.staging / "counts", fencing_token)
    assert next(commits).shard == 0
    FencingToken(run.fencing_token)
    with pytest.raises(AttemptSuperseded):
        next(commits)
    assert shard_numbers(run.predictions) == [0]
    assert logged_shards(run) == [0]


def test_a_flip_commits_nothing_of_its_shard(run: RunPaths) -> None:
    stage(run, [1, 1], ["predicted"] * 2)
    staged = stage(run, [0] * 4, ["predicted"] * 4, part=1, rechecked=3, flips=2)
    with pytest.raises(LabelsFlipped, match="2 of 3 rows that were rechecked have another label") as flipped:
        commit(run, staged)
    assert (flipped.value.commit.shard, flipped.value.commit.flips) == (0, 2)
    assert shard_numbers(run.predictions) == [1]
    assert logged_shards(run) == [1]
    assert [path.name for path in staged.iterdir()] == ["part-00001-x.snappy.parquet"]


def test_a_line_without_its_shard_is_not_counted(run: RunPaths) -> None:
    """The driver was killed between the line and the rename."""
    append_record(run.commits, CommitRecord(0, 4, 0, began=1.0, ended=2.0))
    assert load_commits(run) == []
    assert run.pending_shards() == [0, 1]


def test_a_shard_without_its_line_is_counted_again(run: RunPaths) -> None:
    paths = manifest_paths(run)
    error: dict[str, Any] = {"prediction": None, "probability": None, "status": "error", "error": "empty: zero bytes"}
    write_predictions(run, [predicted(paths[0]), *(predicted(path, **error) for path in paths[1:])])
    assert load_commits(run) == [CommitRecord(0, 4, 3)]


def test_the_last_line_of_a_shard_counts_and_a_cut_line_does_not(run: RunPaths) -> None:
    commit(run, stage(run, [0] * 4, ["predicted"] * 4))
    append_record(run.commits, CommitRecord(0, 4, 0, carried=3, began=1.0, ended=2.0))
    with open(run.commits, "a") as file:
        file.write('{"shard": 0, "rows": 4, "err')
    assert load_commits(run) == [CommitRecord(0, 4, 0, carried=3, began=1.0, ended=2.0)]


def test_shards_whose_commits_are_dropped_are_pending_again(run: RunPaths) -> None:
    staged = stage(run, [0] * 4, ["predicted"] * 4)
    commit(run, staged)
    drop_commits(run)
    assert load_commits(run) == []
    assert run.pending_shards() == [0, 1]
    assert logged_shards(run) == []
    assert commit(run, stage(run, [0] * 4, ["error"] * 4))[0].errors == 4

"""The layout of the workspace and of a run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from pathlib import Path

import pytest

from run_contract.errors import BatchPredictionsError
from run_contract.layout import Workspace, deployed_workspace, run_key, shard_name, shard_numbers
from run_contract.manifest_layout import shard_sizes


@pytest.mark.parametrize(
    ("moment", "key"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "20260102T030405Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC), "20260102T030405.000060Z"),
        (datetime(2026, 1, 2, 1, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))), "20260101T200000Z"),
    ],
)
def test_run_key_is_utc_to_the_microsecond(moment: datetime, key: str) -> None:
    assert run_key(moment) == key
    assert Workspace(Path("/w")).run(key).run_key == key


def test_run_keys_sort_by_time() -> None:
    start = datetime(2026, 12, 31, 23, 59, 58, tzinfo=UTC)
    keys = [run_key(start + timedelta(seconds=second)) for second in range(5)]
    assert keys == sorted(keys)


@pytest.mark.parametrize("key", ["", "../x", "a/b", "..", ".hidden", "a b", "a\n", "-x", "ä"])
def test_a_run_key_that_is_no_plain_name_is_refused(key: str) -> None:
    with pytest.raises(BatchPredictionsError, match="run key"):
        Workspace(Path("/w")).run(key)


def test_pending_shards_are_those_of_the_manifest_without_predictions(tmp_path: Path) -> None:
    run = Workspace(tmp_path).run("r")
    assert run.pending_shards() == []
    run.manifest.mkdir(parents=True)
    for shard in range(12):
        (run.manifest / shard_name(shard)).touch()
    assert run.pending_shards() == list(range(12))
    run.predictions.mkdir()
    for name in (shard_name(3), shard_name(10), f".{shard_name(4)}.part", f"{shard_name(5)}.crc", "shard-x.parquet"):
        (run.predictions / name).touch()
    assert shard_numbers(run.predictions) == [3, 10]
    assert run.pending_shards() == [0, 1, 2, 4, 5, 6, 7, 8, 9, 11]


def test_shards_double_up_to_the_last_size() -> None:
    assert list(islice(shard_sizes(), 70)) == [512] * 16 + [1024] * 16 + [2048] * 16 + [4096] * 22


def test_the_workspace_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_PREDICTIONS_WORKSPACE", "/somewhere")
    assert deployed_workspace() == Path("/somewhere")
    monkeypatch.setenv("BATCH_PREDICTIONS_WORKSPACE", "")
    assert deployed_workspace() == Path(__file__).parents[2] / "workspace"


def test_the_published_run_is_the_target_of_the_link(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.published_run() is None
    workspace.published.mkdir()
    (workspace.published / "current").symlink_to("../runs/20260101T000000Z")
    assert workspace.published_run() == "20260101T000000Z"

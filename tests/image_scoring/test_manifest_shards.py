"""What is committed, and what is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from batch_predictions import manifest as manifest_module
from batch_predictions.download import Dataset
from batch_predictions.manifest import build_manifest
from image_scoring.contract import RunPaths, TemporaryError, Workspace, shard_name, shard_numbers
from image_scoring.fence import Fence, Fenced
from image_scoring.manifest_shards import Committed, commit_shards, count_committed, first_images
from image_scoring.preprocess import preprocess
from image_scoring.spec import ModelSpec
from tests.helpers import LABELS, make_run, manifest_paths, predicted, write_predictions

SPEC = ModelSpec("m", "0", input_size=(8, 8))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    """A run with the shards 0 (4 rows) and 1 (2 rows)."""
    monkeypatch.setattr(manifest_module, "FIRST_SHARD_ROWS", 4)
    _, run = make_run(tmp_path, [f"{n}.jpg" for n in range(6)])
    run.predictions.mkdir()
    return run


def stage(run: RunPaths, shards: Sequence[int], statuses: Sequence[str], part: int = 0) -> Path:
    """Writes one part of a wave as Spark would: a row for each of `shards` and `statuses`."""
    staged = run.staging / "wave"
    staged.mkdir(parents=True, exist_ok=True)
    rows = [{"shard": shard, "status": status} for shard, status in zip(shards, statuses, strict=True)]
    schema = pa.schema([("shard", pa.int32()), ("status", pa.string())])
    pq.write_table(pa.Table.from_pylist(rows, schema), staged / f"part-{part:05d}-x.snappy.parquet")
    return staged


def test_whole_shards_are_moved_and_counted(run: RunPaths) -> None:
    stage(run, [1, 1], ["predicted", "predicted"])
    staged = stage(run, [0] * 4, ["predicted", "error", "error", "predicted"], part=1)
    assert list(commit_shards(run, staged, Fence(run.fence))) == [Committed(1, 2, 0), Committed(0, 4, 2)]
    assert list(staged.iterdir()) == []
    assert shard_numbers(run.predictions) == [0, 1]
    assert run.pending_shards() == []
    assert pq.read_metadata(run.predictions / shard_name(0)).num_rows == 4
    assert count_committed(run, [0, 1]) == (2, 6, 2)


@pytest.mark.parametrize("shards", [[0] * 3, [0] * 5, [0, 0, 0, 1], [0, 1, 0, 0], [1, 1, 0, 0], [1]])
def test_a_part_that_is_not_one_whole_shard_is_refused(shards: list[int], run: RunPaths) -> None:
    staged = stage(run, shards, ["predicted"] * len(shards))
    with pytest.raises(TemporaryError, match=rf"{len(shards)} rows of the shards .*, which is not one whole shard"):
        list(commit_shards(run, staged, Fence(run.fence)))
    assert len(list(staged.iterdir())) == 1
    assert shard_numbers(run.predictions) == []


def test_an_attempt_that_was_superseded_commits_nothing(run: RunPaths) -> None:
    staged = stage(run, [1, 1], ["predicted"] * 2)
    fence = Fence(run.fence)
    Fence(run.fence)
    with pytest.raises(Fenced):
        list(commit_shards(run, staged, fence))
    assert len(list(staged.iterdir())) == 1
    assert shard_numbers(run.predictions) == []


def test_the_fence_is_asked_before_each_shard(run: RunPaths) -> None:
    stage(run, [0] * 4, ["predicted"] * 4)
    staged = stage(run, [1, 1], ["predicted"] * 2, part=1)
    fence = Fence(run.fence)
    commits = commit_shards(run, staged, fence)
    assert next(commits).shard == 0
    Fence(run.fence)
    with pytest.raises(Fenced):
        next(commits)
    assert shard_numbers(run.predictions) == [0]


def test_committed_rows_are_counted_with_their_errors(run: RunPaths) -> None:
    assert count_committed(run, []) == (0, 0, 0)
    paths = manifest_paths(run)
    error: dict[str, Any] = {"prediction": None, "probability": None, "status": "error", "error": "empty: zero bytes"}
    write_predictions(run, [predicted(paths[0]), *(predicted(path, **error) for path in paths[1:])])
    assert count_committed(run, [0]) == (1, 4, 3)


def test_the_first_good_images_are_taken(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index in range(4):
        Image.new("RGB", (8, 8), (index, index, index)).save(pictures / f"{index}.png")
    (pictures / "0.png").write_text("no picture")
    run = Workspace(tmp_path / "w").run("r")
    build_manifest(run, Dataset(str(pictures), str(pictures), "test"), LABELS)
    images = first_images(run, pictures, SPEC, 2)
    expected = [preprocess(np.full((8, 8, 3), index, np.uint8), "tf") for index in (1, 2)]
    np.testing.assert_array_equal(images, np.stack(expected))


def test_noise_stands_in_when_no_image_is_good(run: RunPaths, tmp_path: Path) -> None:
    images = first_images(run, tmp_path / "pictures", SPEC, 3)
    assert images.shape == (1, 8, 8, 3)
    assert images.dtype == np.float32
    assert images.std() > 0.1

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from image_scoring.model.spec import ModelSpec
from image_scoring.model.spread_images import SpreadImages
from run_contract.layout import RunPaths, Workspace, shard_name
from tests.helpers import noise

SPEC = ModelSpec("model", "0" * 64, (2, 2), "none")


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    """A manifest of 60 pictures in shards of 30, 20 and 10; each has its own number as its colour."""
    found = Workspace(tmp_path / "workspace").run("20260101T000000Z")
    found.manifest.mkdir(parents=True)
    number = 0
    for shard, rows in enumerate((30, 20, 10)):
        names = [f"{number + row:02d}.png" for row in range(rows)]
        for name in names:
            Image.new("RGB", (2, 2), (number, 0, 0)).save(tmp_path / name)
            number += 1
        pq.write_table(pa.table({"img_path": names}), found.manifest / shard_name(shard))
    return found


def numbers(run: RunPaths, count: int) -> list[int]:
    return [int(image[0, 0, 0]) for image in SpreadImages(run, run.root.parents[2], SPEC, count)]


def test_images_are_spread_evenly_over_the_manifest(run: RunPaths) -> None:
    assert numbers(run, 12) == list(range(2, 60, 5))
    assert numbers(run, 60) == numbers(run, 300) == list(range(60))
    assert numbers(run, 1) == [40]  # the middle of the shard in the middle


def test_no_more_shards_are_opened_than_images_are_wanted(run: RunPaths) -> None:
    (run.manifest / shard_name(1)).write_text("not opened")
    assert numbers(run, 2) == [10, 50]


def test_images_that_cannot_be_decoded_are_left_out(run: RunPaths) -> None:
    (run.root.parents[2] / "07.png").write_bytes(noise().tobytes())
    (run.root.parents[2] / "12.png").unlink()
    assert numbers(run, 12) == [number for number in range(2, 60, 5) if number not in (7, 12)]


def test_they_can_be_looped_over_again(run: RunPaths) -> None:
    images = SpreadImages(run, run.root.parents[2], SPEC, 12)
    assert [image[0, 0, 0] for image in images] == [image[0, 0, 0] for image in images] != []

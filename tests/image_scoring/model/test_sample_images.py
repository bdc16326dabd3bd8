"""The images that a model is verified and calibrated with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from image_scoring.images.preprocessing_mode import Preprocessing
from image_scoring.model.sample_images import CalibrationImages, verification_images
from image_scoring.model.spec import ModelSpec
from run_contract.layout import RunPaths, Workspace, shard_name
from tests.helpers import noise

SPEC = ModelSpec("model", "0" * 64, (2, 2), Preprocessing.NONE)


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    """A manifest of 60 images in shards of 30, 20 and 10; each has its own number as its colour."""
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
    return [int(image[0, 0, 0]) for image in CalibrationImages(run, run.root.parents[2], SPEC, count)]


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
    images = CalibrationImages(run, run.root.parents[2], SPEC, 12)
    assert [image[0, 0, 0] for image in images] == [image[0, 0, 0] for image in images] != []


def verified_with(run: RunPaths, count: int) -> list[int]:
    return [int(image[0, 0, 0]) for image in verification_images(run, run.root.parents[2], SPEC, count)]


def test_a_model_is_verified_with_the_first_images_that_can_be_decoded(run: RunPaths) -> None:
    (run.root.parents[2] / "00.png").write_text("no image")
    (run.root.parents[2] / "02.png").unlink()
    assert verified_with(run, 3) == [1, 3, 4]
    assert verified_with(run, 100) == [1, *range(3, 30)]  # only the first shard is read


def test_noise_is_used_when_no_image_can_be_decoded(run: RunPaths, tmp_path: Path) -> None:
    (image,) = verification_images(run, tmp_path / "nowhere", SPEC)
    assert image.shape == (2, 2, 3)
    assert image.dtype == np.float32
    assert image.std() > 0.1

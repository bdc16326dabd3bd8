"""The shards of a manifest as the job reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from batch_predictions.manifest import build_manifest
from image_scoring.images.manifest_shards import count_rows, manifest_rows
from image_scoring.images.preprocessing import preprocess
from image_scoring.model.sample_images import first_images
from image_scoring.model.spec import ModelSpec
from run_contract import manifest_layout
from run_contract.layout import RunPaths, Workspace
from run_contract.records.dataset import DatasetRecord
from tests.helpers import LABELS, make_run

SPEC = ModelSpec("m", "0", input_size=(8, 8))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    """A run with the shards 0 (4 rows) and 1 (2 rows)."""
    monkeypatch.setattr(manifest_layout, "FIRST_SHARD_ROWS", 4)
    _, run = make_run(tmp_path, [f"{n}.jpg" for n in range(6)])
    return run


def test_the_rows_of_a_shard_are_those_of_the_manifest(run: RunPaths) -> None:
    assert [manifest_rows(run, shard) for shard in (0, 1)] == [4, 2]


@pytest.mark.parametrize(
    ("statuses", "counted"),
    [([], (0, 0)), (["predicted"] * 3, (3, 0)), (["error", "predicted", "error"], (3, 2)), (["error"], (1, 1))],
)
def test_rows_are_counted_with_their_errors(statuses: list[str], counted: tuple[int, int]) -> None:
    assert count_rows(pa.table({"status": pa.array(statuses, pa.string())})) == counted


def test_the_first_good_images_are_taken(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index in range(4):
        Image.new("RGB", (8, 8), (index, index, index)).save(pictures / f"{index}.png")
    (pictures / "0.png").write_text("no picture")
    run = Workspace(tmp_path / "w").run("r")
    build_manifest(run, DatasetRecord(str(pictures), str(pictures), "test"), LABELS)
    images = first_images(run, pictures, SPEC, 2)
    expected = [preprocess(np.full((8, 8, 3), index, np.uint8), "tf") for index in (1, 2)]
    np.testing.assert_array_equal(images, np.stack(expected))


def test_noise_stands_in_when_no_image_is_good(run: RunPaths, tmp_path: Path) -> None:
    images = first_images(run, tmp_path / "pictures", SPEC, 3)
    assert images.shape == (1, 8, 8, 3)
    assert images.dtype == np.float32
    assert images.std() > 0.1

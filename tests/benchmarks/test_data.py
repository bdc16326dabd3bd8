"""The images of the benchmark."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.data import HEIGHT, WIDTH, prepare_images
from run_contract.errors import BatchPredictionsError
from tests.helpers import draw


def test_generated_images_are_photo_sized_and_the_same_every_time(tmp_path: Path) -> None:
    first, again = (prepare_images(None, 4, tmp_path / name) for name in ("a", "b"))
    assert first.names == ["00000000.jpg", "00000001.jpg", "00000002.jpg", "00000003.jpg"]
    contents = [(first.root / name).read_bytes() for name in first.names]
    assert contents == [(again.root / name).read_bytes() for name in again.names]
    assert len(set(contents)) == 4
    for name in first.names:
        with Image.open(first.root / name) as picture:
            assert 0.6 < picture.width / WIDTH < 1.4
            assert 0.6 < picture.height / HEIGHT < 1.4


def test_more_images_than_the_source_has_repeat_in_its_order(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for number in range(3):
        draw(source / f"{number}.png", seed=number)
    images = prepare_images(source, 8, tmp_path / "workspace")
    assert images.originals == 3
    contents = [(images.root / name).read_bytes() for name in images.names]
    assert len(contents) == 8
    assert all(content == contents[number % 3] for number, content in enumerate(contents))
    assert len(set(contents)) == 3
    assert not any(path.is_symlink() for path in images.root.iterdir())


def test_archive_gives_its_readable_images_only(tmp_path: Path) -> None:
    good = draw(tmp_path / "good.png")
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        archive.write(good, "a/good.png")
        archive.writestr("a/broken.jpg", b"not an image")
        archive.writestr("a/read.me", b"text")
    images = prepare_images(tmp_path / "pictures.zip", 1, tmp_path / "workspace")
    assert (images.root / images.names[0]).read_bytes() == good.read_bytes()
    assert images.originals == 1
    assert sorted(os.listdir(tmp_path / "workspace")) == ["images", "originals"]


def test_source_that_changed_is_taken_anew(tmp_path: Path) -> None:
    source = tmp_path / "source"
    draw(source / "a.png", seed=1)
    before = prepare_images(source, 1, tmp_path / "workspace")
    draw(source / "b.png", seed=2)
    after = prepare_images(source, 2, tmp_path / "workspace")
    assert (before.originals, after.originals) == (1, 2)


def test_source_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(BatchPredictionsError, match="no image in it can be read"):
        prepare_images(tmp_path / "source", 1, tmp_path / "workspace")

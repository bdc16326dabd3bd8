"""Images are loaded bit for bit as Keras loads them, and each file that cannot be loaded has one reason."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from image_scoring.images import reading
from image_scoring.images.decoding import decode_image
from image_scoring.images.errors import ImageError
from image_scoring.images.loading import load_image
from image_scoring.images.preprocessing import preprocess
from image_scoring.images.preprocessing_mode import Preprocessing
from image_scoring.images.reading import read_file
from tests.helpers import draw, noise
from tests.image_scoring.image_kinds import KINDS

TARGET = (32, 24)


@pytest.fixture(scope="module")
def keras() -> Any:
    import keras

    return keras


def reason_of(path: Path, size_bytes: int | None = None, modified_ns: int | None = None) -> str:
    with pytest.raises(ImageError) as error:
        decode_image(read_file(os.fsencode(path), size_bytes, modified_ns), TARGET)
    return str(error.value)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_those_of_load_img(kind: str, tmp_path: Path, keras: Any) -> None:
    path = tmp_path / kind
    KINDS[kind](path)
    expected = keras.utils.img_to_array(keras.utils.load_img(path, target_size=TARGET))
    found = decode_image(read_file(os.fsencode(path)), TARGET)
    assert found.dtype == np.uint8
    assert found.shape == (*TARGET, 3)
    np.testing.assert_array_equal(found.astype(np.float32), expected)


@pytest.mark.parametrize("mode", [Preprocessing.TF, Preprocessing.TORCH, Preprocessing.CAFFE])
def test_numbers_are_those_of_preprocess_input(mode: Preprocessing, keras: Any) -> None:
    pixels = np.arange(256 * 3, dtype=np.int64).reshape(16, 16, 3).astype(np.uint8)
    expected = keras.applications.imagenet_utils.preprocess_input(pixels.astype(np.float32), mode=mode.value)
    found = preprocess(pixels, mode)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_tf_is_what_mobilenet_v2_takes(keras: Any) -> None:
    expected = keras.applications.mobilenet_v2.preprocess_input(noise().astype(np.float32))
    np.testing.assert_array_equal(preprocess(noise(), Preprocessing.TF), expected)


def test_rescale_none_and_an_unknown_mode() -> None:
    pixels = np.array([[[0, 51, 255]]], dtype=np.uint8)
    np.testing.assert_array_equal(preprocess(pixels, Preprocessing.RESCALE), np.array([[[0, 0.2, 1]]], np.float32))
    np.testing.assert_array_equal(preprocess(pixels, Preprocessing.NONE), np.array([[[0, 51, 255]]], np.float32))
    with pytest.raises(ValueError, match="'vgg' is not a valid Preprocessing"):
        Preprocessing("vgg")


def test_the_array_that_was_read_is_not_changed() -> None:
    pixels = noise()
    for mode in Preprocessing:
        preprocess(pixels, mode)
    np.testing.assert_array_equal(pixels, noise())


@pytest.mark.parametrize("mode", Preprocessing)
def test_memory_that_was_used_before_is_filled_with_the_same_numbers(mode: Preprocessing) -> None:
    batch = np.full((3, 20, 24, 3), np.nan, np.float32)
    found = preprocess(noise(), mode, batch[1])
    assert np.shares_memory(found, batch)
    np.testing.assert_array_equal(batch[1], preprocess(noise(), mode))
    assert np.isnan(batch[[0, 2]]).all()


def test_an_image_is_loaded_in_one_step_into_new_memory_or_into_a_buffer(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.png")
    name, stat = os.fsencode(path), path.stat()
    expected = preprocess(decode_image(path.read_bytes(), TARGET), Preprocessing.TF)
    np.testing.assert_array_equal(load_image(name, TARGET, Preprocessing.TF), expected)
    buffer = np.zeros((*TARGET, 3), np.float32)
    load_image(name, TARGET, Preprocessing.TF, stat.st_size, stat.st_mtime_ns, buffer)
    np.testing.assert_array_equal(buffer, expected)


def test_a_buffer_is_unchanged_when_the_image_cannot_be_loaded(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.png")
    buffer = np.zeros((*TARGET, 3), np.float32)
    with pytest.raises(ImageError, match="changed"):
        load_image(os.fsencode(path), TARGET, Preprocessing.TF, 1, path.stat().st_mtime_ns, buffer)
    assert not buffer.any()


SIGNATURES = {
    "pdf": b"%PDF-1.7\n1 0 obj\n",
    "psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 1, 1, 8, 3) + bytes(20),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>",
    "fits": b"SIMPLE  =                    T".ljust(80) + b"END".ljust(2800),
    "text": b"<html><body>404</body></html>",
    "noise": bytes(range(255, 0, -1)),
}


@pytest.mark.parametrize("kind", SIGNATURES)
def test_another_format_behind_an_image_name_is_not_an_image(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(SIGNATURES[kind])
    assert reason_of(path) == "not an image: no known format in the content"


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.gif", "a.bmp", "a.tiff", "a.webp"])
def test_a_truncated_file_is_undecodable(name: str, share: float, tmp_path: Path) -> None:
    path = draw(tmp_path / name)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert reason_of(path).startswith(("undecodable: ", "not an image: "))
    assert "\n" not in reason_of(path)


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_photo_cut_in_half_is_undecodable(name: str, tmp_path: Path) -> None:
    path = draw(tmp_path / name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 400])
    assert reason_of(path).startswith("undecodable: ")


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + end


@pytest.mark.parametrize(("width", "height"), [(10_001, 10_000), (60_000, 60_000)])
def test_a_pixel_bomb_is_refused_before_it_is_decoded(width: int, height: int, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_header(width, height))
    assert reason_of(path).startswith("too large: ")


def test_a_file_of_too_many_bytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 100)
    assert reason_of(draw(tmp_path / "a.png")) == "too large: more than 100 bytes"


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.touch()
    assert reason_of(path) == "empty: zero bytes"


def test_a_missing_file(tmp_path: Path) -> None:
    assert reason_of(tmp_path / "a.jpg").startswith("missing: ")


@pytest.mark.parametrize(("size", "stamp"), [(0, 0), (1, 0), (0, 1)])
def test_only_the_file_of_the_manifest_is_read(size: int, stamp: int, tmp_path: Path) -> None:
    path = draw(tmp_path / "a.png")
    found = path.stat()
    if size or stamp:
        assert reason_of(path, found.st_size + size, found.st_mtime_ns + stamp).startswith("changed: ")
    else:
        assert read_file(os.fsencode(path), found.st_size, found.st_mtime_ns) == path.read_bytes()


def test_a_link_a_pipe_and_a_directory_are_unreadable_and_do_not_block(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(draw(tmp_path / "a.png"))
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "directory.png").mkdir()
    for name in ("link.png", "pipe.png", "directory.png"):
        assert reason_of(tmp_path / name).startswith("unreadable: ")

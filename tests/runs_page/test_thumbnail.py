"""From rows of a manifest to thumbnails, and to none for rows that must have none."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from image_scoring.images import reading
from run_contract.image_paths import encode_path
from run_contract.layout import RunPaths, Workspace
from run_contract.record import write_record
from run_contract.records.dataset import DatasetRecord
from runs_page.thumbnail import SIDE, NoThumbnail, make_thumbnail, open_below, predicted_row
from tests.helpers import draw, make_run, manifest_paths, noise, predicted, write_predictions


def shrunk(root: Path, name: bytes) -> Image.Image:
    """The thumbnail of the file of this name, by its row of the manifest."""
    found = os.lstat(os.fsencode(root) + b"/" + name)
    return shrunk_row(root, encode_path(name), found.st_size, found.st_mtime_ns)


def shrunk_row(root: Path, img_path: str, size_bytes: int = 0, modified_ns: int = 0) -> Image.Image:
    run = Workspace(root.parent / "workspace").run("r")
    write_record(run.dataset, DatasetRecord("pictures", str(root), "test"))
    row = {"img_path": img_path, "size_bytes": size_bytes, "modified_ns": modified_ns}
    return Image.open(io.BytesIO(make_thumbnail(run, row)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A dataset, and next to it a file that must stay private."""
    draw(tmp_path / "secret.jpg")
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


@pytest.mark.parametrize("mode", ["RGB", "L", "LA", "RGBA", "P", "1", "CMYK", "I;16"])
def test_every_image_mode_becomes_a_small_jpeg(mode: str, root: Path) -> None:
    pixels = noise(500, 600)
    if mode == "I;16":
        image = Image.fromarray(noise(500, 600)[..., 0].astype(np.uint16) * 256)
    else:
        image = Image.fromarray(pixels).convert(mode)
    name = "picture.tif" if mode in ("CMYK", "I;16") else "picture.png"
    if mode == "P":
        image.info["transparency"] = 3
    image.save(root / name)
    small = shrunk(root, name.encode())
    assert (small.format, small.mode, small.size) == ("JPEG", "RGB", (SIDE, 167))


def test_the_first_frame_of_an_animation(root: Path) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    frames[0].save(root / "a.gif", save_all=True, append_images=frames[1:])
    small = shrunk(root, b"a.gif")
    assert small.size == (30, 20)  # never larger than it was
    red, green, blue = small.getpixel((10, 10))  # type: ignore[misc]
    assert red > 200 > 60 > max(green, blue)


def test_only_the_pixels_are_kept(root: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    exif[0x0112] = 6
    Image.fromarray(noise(300, 400)).save(root / "a.jpg", exif=exif, comment=b"a comment", icc_profile=b"a profile")
    small = shrunk(root, b"a.jpg")
    assert small.size == (SIDE, 150)  # not rotated, as the model sees it
    assert not dict(small.getexif())
    assert set(small.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("name", [b"a b.png", b"\xff\xfe.png", b"new\nline.png", b"back\\slash.png", b"=1+1.png"])
def test_odd_names_are_found(name: bytes, root: Path, plain_path: Path) -> None:
    root = plain_path / "pictures"
    root.mkdir()
    with open(os.fsencode(root) + b"/" + name, "wb") as file:
        Image.fromarray(noise()).save(file, "PNG")
    assert shrunk(root, name).size == (24, 20)


@pytest.mark.parametrize(
    "img_path",
    [
        "../secret.jpg",
        "./../secret.jpg",
        "x/../../secret.jpg",
        "/etc/passwd",
        "//etc/passwd",
        "x//../../secret.jpg",
        "..",
        ".",
        "",
        "x",
        "secret.jpg\\x00.png",
        "\\x2e\\x2e/secret.jpg",
        "\\x2e\\x2e\\x2fsecret.jpg",
        "../pictures/x/../../secret.jpg",
        "a" * 5000,
        "link.jpg",
        "link/secret.jpg",
        "x/link.jpg",
        "fifo.jpg",
    ],
)
def test_no_row_leads_out_of_the_dataset(img_path: str, root: Path) -> None:
    (root / "x").mkdir()
    (root / "link.jpg").symlink_to(root.parent / "secret.jpg")
    (root / "x" / "link.jpg").symlink_to("../../secret.jpg")
    (root / "link").symlink_to(root.parent)
    os.mkfifo(root / "fifo.jpg")
    secret = os.stat(root.parent / "secret.jpg")
    with pytest.raises(NoThumbnail):
        shrunk_row(root, img_path, secret.st_size, secret.st_mtime_ns)


def test_a_pipe_and_a_directory_are_not_read(root: Path) -> None:
    os.mkfifo(root / "fifo.jpg")
    (root / "x.jpg").mkdir()
    for path in (b"fifo.jpg", b"x.jpg"):
        with pytest.raises(NoThumbnail, match="not a regular file"), open_below(root, path):
            pass


def test_no_descriptor_stays_open(root: Path) -> None:
    draw(root / "x" / "a.png")
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for _ in range(3):
        shrunk(root, b"x/a.png")
        for path in (b"x/none.png", b"x/../a.png", b"none/a.png", b"x"):
            with pytest.raises(NoThumbnail), open_below(root, path):
                pass
    assert before == (len(os.listdir("/proc/self/fd")) if before else 0)


def test_a_file_that_changed_after_the_manifest(root: Path) -> None:
    draw(root / "a.png")
    found = os.stat(root / "a.png")
    for size, stamp in ((found.st_size + 1, found.st_mtime_ns), (found.st_size, found.st_mtime_ns + 1)):
        with pytest.raises(NoThumbnail, match="changed since the manifest"):
            shrunk_row(root, "a.png", size, stamp)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 999))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (bomb(10_001, 10_000), "too many pixels"),
        (bomb(60_000, 60_000), "DecompressionBombError"),
        (bomb(100, 100), "cannot be decoded"),
        (b"not an image", "cannot be decoded"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "cannot be decoded"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "cannot be decoded"),
        (b"", "cannot be decoded"),
    ],
)
def test_what_is_no_image(content: bytes, why: str, root: Path) -> None:
    (root / "a.png").write_bytes(content)
    with pytest.raises(NoThumbnail, match=why):
        shrunk(root, b"a.png")


def test_a_file_that_is_too_large_is_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = draw(root / "a.png").stat().st_size
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", size - 1)
    with pytest.raises(NoThumbnail, match="too large"):
        shrunk(root, b"a.png")


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    """A run whose second row is an error and whose shard 1 is not predicted yet."""
    run = make_run(tmp_path, [f"{number:03d}.jpg" for number in range(600)])[1]
    rows: list[dict[str, Any]] = [predicted(path) for path in manifest_paths(run)]
    rows[1] |= {"prediction": None, "probability": None, "status": "error", "error": "crashed"}
    write_predictions(run, rows)
    return run


def test_only_rows_that_were_predicted_are_opened(run: RunPaths) -> None:
    assert predicted_row(run, 0, 511)["img_path"] == "511.jpg"
    with pytest.raises(NoThumbnail, match="not predicted"):
        predicted_row(run, 0, 1)
    for shard, row in ((0, 512), (0, 999_999_999), (1, 0), (999_999_999, 0)):
        with pytest.raises(NoThumbnail, match="no such row"):
            predicted_row(run, shard, row)

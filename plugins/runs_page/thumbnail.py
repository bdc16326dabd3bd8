"""From a row of the manifest to a small image. Only that row decides which file is opened."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from run_contract.image_paths import decode_path
from run_contract.layout import RunPaths, shard_name
from run_contract.record import read_readable
from run_contract.records.dataset import DatasetRecord
from run_contract.table import PREDICTED

SIDE = 200  # pixels


class NoThumbnail(Exception):
    """Why there is no thumbnail, as a sentence for people."""


def predicted_row(run: RunPaths, shard: int, row: int) -> dict[str, Any]:
    """Return img_path, size_bytes and modified_ns of a row that was predicted.

    An image that the job has decoded can be decoded here. Raises NoThumbnail for other rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = ["img_path", "size_bytes", "modified_ns"]
    try:
        images = pq.ParquetFile(run.manifest / shard_name(shard)).read(columns, use_threads=False)
        statuses = pq.ParquetFile(run.predictions / shard_name(shard)).read(["status"], use_threads=False)
        found: dict[str, Any] = images.slice(row, 1).to_pylist()[0]
        status = statuses.slice(row, 1).to_pylist()[0]["status"]
    except (OSError, IndexError, pa.ArrowException):
        raise NoThumbnail("The run has no such row.") from None
    if status != PREDICTED:
        raise NoThumbnail("This image was not predicted, so it is not opened here.")
    return found


def make_thumbnail(run: RunPaths, row: dict[str, Any]) -> bytes:
    """Return a JPEG of at most SIDE x SIDE pixels, without metadata. Raises NoThumbnail."""
    dataset = read_readable(DatasetRecord, run.dataset)
    if dataset is None:
        raise NoThumbnail("The file dataset.json of the run is missing or damaged.")
    with open_below(Path(dataset.root), decode_path(row["img_path"])) as file:
        found = os.fstat(file.fileno())
        if (found.st_size, found.st_mtime_ns) != (row["size_bytes"], row["modified_ns"]):
            raise NoThumbnail("The file has changed since the manifest was written.")
        return shrink(file)


@contextmanager
def open_below(root: Path, path: bytes) -> Iterator[BinaryIO]:
    """Open a regular file below `root`. Follows no link and no `..` on the way, and never waits for a pipe.

    The manifest lists no link, so a link was put there later. Each directory is opened relative to the one before, so
    that nothing can be replaced between a check and its use. Raises NoThumbnail.
    """
    *directories, name = path.split(b"/")
    if any(part in (b"", b".", b"..") or b"\0" in part for part in (*directories, name)):
        raise NoThumbnail("The path is not below the dataset.")
    opened: list[int] = []
    try:
        opened.append(os.open(root, os.O_RDONLY | os.O_DIRECTORY))
        for part in directories:
            opened.append(os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened[-1]))
        opened.append(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=opened[-1]))
        if not stat.S_ISREG(os.fstat(opened[-1]).st_mode):
            raise NoThumbnail("It is not a regular file.")
        with open(opened[-1], "rb", closefd=False) as file:
            yield file
    except OSError as error:
        raise NoThumbnail(f"The file cannot be read: {error.strerror}.") from None
    finally:
        for descriptor in opened:
            os.close(descriptor)


def shrink(file: BinaryIO) -> bytes:
    """Return the first frame as the model sees it: not rotated by EXIF, without transparency. Raises NoThumbnail."""
    from PIL import Image

    from image_scoring.images.decoding import FORMATS, MAX_PIXELS
    from image_scoring.images.reading import MAX_FILE_BYTES

    if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
        raise NoThumbnail("The file is too large.")
    small = BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about unusual EXIF and palettes
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise NoThumbnail("The image has too many pixels.")
                image.draft("RGB", (SIDE, SIDE))
                rgb = image.convert("RGB")
                rgb.thumbnail((SIDE, SIDE))
                Image.frombytes("RGB", rgb.size, rgb.tobytes()).save(small, "JPEG", quality=80)
    except NoThumbnail:
        raise
    except Exception as error:  # for a broken file Pillow's decoders raise exceptions of any kind
        raise NoThumbnail(f"The image cannot be decoded: {type(error).__name__}.") from None
    return small.getvalue()

"""The task manifest: a dataset becomes a list of images, cut into shards. From then on the manifest is the truth."""

from __future__ import annotations

import csv
import logging
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from batch_predictions.path_labels import label_of
from run_contract.errors import BatchPredictionsError
from run_contract.files import read_json, remove, remove_leftovers, replace_atomically, write_json
from run_contract.image_paths import encode_path
from run_contract.layout import RunPaths, shard_name
from run_contract.manifest_layout import shard_sizes
from run_contract.records.dataset import DatasetRecord

log = logging.getLogger(__name__)

IMAGE_EXTENSIONS = (".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp")
ENDINGS = tuple(extension.encode() for extension in IMAGE_EXTENSIONS)

SCHEMA = pa.schema(
    [
        ("img_path", pa.string()),
        ("shard", pa.int32()),
        ("size_bytes", pa.int64()),
        ("modified_ns", pa.int64()),
        ("label", pa.string()),
        ("source", pa.string()),
    ]
)


class Found(NamedTuple):
    """One entry below the dataset's root: an image, or something skipped and why."""

    path: bytes
    size_bytes: int = 0
    modified_ns: int = 0
    skipped: str | None = None


def walk(root: Path) -> Iterator[Found]:
    """Every file below `root` in a fixed order (by name, each directory's files before its subdirectories').

    Holds the names of one directory at a time, about 60 bytes each, and the paths of the directories still to do.
    Follows no link and opens nothing.
    """
    top = os.path.join(os.fsencode(root), b"")
    waiting = [b""]
    while waiting:
        inside = waiting.pop()
        try:
            names = os.listdir(top + inside)
        except PermissionError:
            yield Found(inside.rstrip(b"/"), skipped="unreadable directory")
            continue
        names.sort()
        directories = []
        for name in names:
            found = _inspect(top, inside + name, name)
            if found is None:
                directories.append(inside + name + b"/")
            else:
                yield found
        waiting += reversed(directories)


def _inspect(top: bytes, path: bytes, name: bytes) -> Found | None:
    """What is at `path` below `top`; None is a directory to go into."""
    try:
        found = os.lstat(top + path)
    except (FileNotFoundError, PermissionError):  # it went while its directory was read, or may not be looked at
        return Found(path, skipped="unreadable file")
    if stat.S_ISDIR(found.st_mode):
        return Found(path, skipped="system directory") if name == b"__MACOSX" else None
    if stat.S_ISLNK(found.st_mode):
        return Found(path, skipped="link")
    if name.startswith(b".") or name.lower() in (b"thumbs.db", b"desktop.ini"):
        return Found(path, skipped="system file")
    if not name.lower().endswith(ENDINGS):
        return Found(path, skipped="not an image name")
    if not stat.S_ISREG(found.st_mode):
        return Found(path, skipped="not a regular file")
    return Found(path, found.st_size, found.st_mtime_ns)


def build_manifest(
    run: RunPaths,
    dataset: DatasetRecord,
    labels: tuple[str, ...],
    limit: int | None = None,
    found: Iterable[Found] | None = None,
) -> dict[str, object]:
    """Writes manifest/, images.csv and, last, manifest.json; returns what is in the latter.

    A manifest that is there stays: the run goes on with the images that it had, whatever has come since.
    limit: at most this many images. found: what to list, else what `walk` finds below the dataset's root. Raises
    BatchPredictionsError when there are no images, or when the manifest that is there was made from another dataset.
    """
    request = {"content_id": dataset.content_id, "limit": limit, "labels": list(labels)}
    summary = read_json(run.manifest_summary)
    if summary is not None:
        if summary["request"] == request:
            log.info("run %s: keeping its manifest of %d images", run.run_key, summary["rows"])
            return dict(summary)
        raise BatchPredictionsError(
            f"run {run.run_key}: it has a manifest of another source, limit or labels ({summary['source']}); "
            f"trigger a new run, or remove {run.root} to do this one again"
        )
    remove(run.manifest)
    remove_leftovers(run.root)
    writer = _Writer(dataset, labels)
    with replace_atomically(run.manifest) as shards, replace_atomically(run.images_csv) as listing:
        shards.mkdir()
        with open(listing, "w", encoding="utf-8", newline="") as file:
            entries = walk(Path(dataset.root)) if found is None else found
            writer.write(entries, limit, shards, csv.writer(file, lineterminator="\n"))
    if not writer.rows:
        remove(run.manifest)
        remove(run.images_csv)
        raise BatchPredictionsError(
            f"source {dataset.source}: no images in it ({sum(writer.skipped.values())} other files); an image ends in "
            f"{', '.join(IMAGE_EXTENSIONS)}"
        )
    summary = {**writer.summary(), "request": request}
    write_json(run.manifest_summary, summary)
    return summary


class _Writer:
    """Counts what goes by while it writes it, a shard at a time."""

    def __init__(self, dataset: DatasetRecord, labels: tuple[str, ...]) -> None:
        self._dataset, self._labels = dataset, labels
        self._label_of_directory = lru_cache(maxsize=1024)(lambda directory: label_of(directory, labels))
        self._fingerprint = sha256()
        self.rows = self._shards = self._bytes = 0
        self.skipped: Counter[str] = Counter()

    def write(self, found: Iterable[Found], limit: int | None, shards: Path, listing: Any) -> None:
        images = islice(self._images(found), limit)
        listing.writerow(["img_path"])
        for size in shard_sizes():
            shard = list(islice(images, size))
            if not shard:
                return
            paths = [encode_path(image.path) for image in shard]
            sizes = np.array([image.size_bytes for image in shard], np.int64)
            stamps = np.array([image.modified_ns for image in shard], np.int64)
            table = self._table(paths, sizes, stamps)
            pq.write_table(table, shards / shard_name(self._shards), compression="zstd")
            listing.writerows(zip(paths, strict=True))
            self._count(paths, sizes, stamps)

    def _images(self, found: Iterable[Found]) -> Iterator[Found]:
        for item in found:
            if item.skipped:
                self.skipped[item.skipped] += 1
                if self.skipped[item.skipped] <= 20:
                    log.info("skipped %s: %s", encode_path(item.path), item.skipped)
            else:
                yield item

    def _table(self, paths: list[str], sizes: NDArray[np.int64], stamps: NDArray[np.int64]) -> pa.Table:
        columns = [
            pa.array(paths, pa.string()),
            pa.repeat(pa.scalar(self._shards, pa.int32()), len(paths)),
            pa.array(sizes),
            pa.array(stamps),
            pa.array([self._label_of(path) for path in paths], pa.string()),
            pa.repeat(self._dataset.content_id, len(paths)),
        ]
        return pa.Table.from_arrays(columns, schema=SCHEMA)

    def _label_of(self, img_path: str) -> str | None:
        directory, _, name = img_path.rpartition("/")
        return self._label_of_directory(f"{directory}/") or label_of(name, self._labels)

    def _count(self, paths: list[str], sizes: NDArray[np.int64], stamps: NDArray[np.int64]) -> None:
        """The fingerprint is the sha256 of each shard's rows, paths (one a line: they hold no line break), sizes and
        stamps (64 bits, the lowest byte first), one shard after the other."""
        self.rows += len(paths)
        self._bytes += int(sizes.sum())
        self._fingerprint.update("".join(f"{path}\n" for path in paths).encode())
        self._fingerprint.update(sizes.astype("<i8").tobytes())
        self._fingerprint.update(stamps.astype("<i8").tobytes())
        self._shards += 1

    def summary(self) -> dict[str, object]:
        return {
            "source": self._dataset.source,
            "root": self._dataset.root,
            "content_id": self._dataset.content_id,
            "rows": self.rows,
            "shards": self._shards,
            "bytes": self._bytes,
            "skipped": dict(sorted(self.skipped.items())),
            "fingerprint": self._fingerprint.hexdigest(),
        }

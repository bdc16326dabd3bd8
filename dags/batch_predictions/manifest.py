"""The task manifest: a dataset becomes a list of images, cut into shards. From then on the manifest is the truth."""

from __future__ import annotations

import csv
import json
import logging
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from batch_predictions.download import Dataset
from batch_predictions.labels import label_of
from image_scoring.contract import BatchPredictionsError, RunPaths, encode_path, shard_name
from image_scoring.files import read_json, remove, remove_leftovers, replace_atomically, write_json

log = logging.getLogger(__name__)

IMAGE_EXTENSIONS = (".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp")
FIRST_SHARD_ROWS = 512
LAST_SHARD_ROWS = 4096
SHARDS_OF_ONE_SIZE = 16

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


@dataclass(frozen=True)
class Found:
    """One entry below the dataset's root: an image, or something skipped and why."""

    path: bytes
    size_bytes: int = 0
    modified_ns: int = 0
    skipped: str | None = None


def walk(root: Path) -> Iterator[Found]:
    """Every file below `root` in a fixed order (by name, each directory's files before its subdirectories').

    Holds one directory's names at a time. Follows no link and opens nothing.
    """
    yield from _walk(os.fsencode(root), b"")


def _walk(root: bytes, inside: bytes) -> Iterator[Found]:
    directory = os.path.join(root, inside) if inside else root
    try:
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except PermissionError:
        yield Found(inside, skipped="unreadable directory")
        return
    directories = []
    for entry in found:
        path = os.path.join(inside, entry.name)
        if entry.is_dir(follow_symlinks=False):
            if entry.name == b"__MACOSX":
                yield Found(path, skipped="system directory")
            else:
                directories.append(path)
        else:
            yield _inspect(entry, path)
    for path in directories:
        yield from _walk(root, path)


def _inspect(entry: os.DirEntry[bytes], path: bytes) -> Found:
    if entry.is_symlink():
        return Found(path, skipped="link")
    if entry.name.startswith(b".") or entry.name.lower() in (b"thumbs.db", b"desktop.ini"):
        return Found(path, skipped="system file")
    if os.fsdecode(os.path.splitext(entry.name)[1]).lower() not in IMAGE_EXTENSIONS:
        return Found(path, skipped="not an image name")
    found = entry.stat(follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode):
        return Found(path, skipped="not a regular file")
    return Found(path, found.st_size, found.st_mtime_ns)


def shard_sizes() -> Iterator[int]:
    """Rows of shard 0, 1, 2, ...: small first and doubling, so that the cores of a small run share its rows
    evenly, and a large run spends its time on images and not on tasks."""
    rows = FIRST_SHARD_ROWS
    while True:
        for _ in range(SHARDS_OF_ONE_SIZE):
            yield rows
        rows = min(2 * rows, LAST_SHARD_ROWS)


def build_manifest(
    run: RunPaths, dataset: Dataset, labels: tuple[str, ...], limit: int | None = None
) -> dict[str, object]:
    """Writes manifest/, images.csv and, last, manifest.json; returns what is in the latter.

    A manifest that is there stays: the run goes on with the images that it had, whatever has come since.
    limit: at most this many images. Raises BatchPredictionsError when there are no images, or when the manifest
    that is there was made from another dataset.
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
            writer.write(walk(Path(dataset.root)), limit, shards, csv.writer(file, lineterminator="\n"))
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
    """Counts what goes by while it writes it."""

    def __init__(self, dataset: Dataset, labels: tuple[str, ...]) -> None:
        self._dataset, self._labels = dataset, labels
        self._fingerprint = sha256()
        self.rows = self._shards = self._bytes = 0
        self.skipped: Counter[str] = Counter()

    def write(self, found: Iterator[Found], limit: int | None, shards: Path, listing: Any) -> None:
        images = islice(self._images(found), limit)
        listing.writerow(["img_path"])
        for size in shard_sizes():
            rows = [self._row(image) for image in islice(images, size)]
            if not rows:
                return
            pq.write_table(pa.Table.from_pylist(rows, SCHEMA), shards / shard_name(self._shards), compression="zstd")
            listing.writerows([row["img_path"]] for row in rows)
            self._shards += 1

    def _images(self, found: Iterator[Found]) -> Iterator[Found]:
        for item in found:
            if item.skipped:
                self.skipped[item.skipped] += 1
                if self.skipped[item.skipped] <= 20:
                    log.info("skipped %s: %s", encode_path(item.path), item.skipped)
            else:
                yield item

    def _row(self, image: Found) -> dict[str, object]:
        img_path = encode_path(image.path)
        self.rows += 1
        self._bytes += image.size_bytes
        self._fingerprint.update(json.dumps([img_path, image.size_bytes, image.modified_ns]).encode())
        return {
            "img_path": img_path,
            "shard": self._shards,
            "size_bytes": image.size_bytes,
            "modified_ns": image.modified_ns,
            "label": label_of(img_path, self._labels),
            "source": self._dataset.content_id,
        }

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

"""Build the manifest of a run: one row for each image of the dataset, cut into shards."""

from __future__ import annotations

import csv
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from batch_predictions.path_labels import label_of
from batch_predictions.walk import IMAGE_EXTENSIONS, FileEntry, walk
from run_contract.errors import BatchPredictionsError
from run_contract.files import remove, remove_leftovers, replace_atomically
from run_contract.formatting import count
from run_contract.image_paths import encode_path
from run_contract.layout import RunPaths, shard_name
from run_contract.manifest_layout import shard_sizes
from run_contract.record import read_record, write_record
from run_contract.records.dataset import DatasetRecord
from run_contract.records.manifest import ManifestRecord, ManifestRequest

log = logging.getLogger(__name__)

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
LOGGED_SKIPS = 20
"""How many skipped files are logged for each reason; all of them are counted."""


def build_manifest(
    run: RunPaths,
    dataset: DatasetRecord,
    labels: tuple[str, ...],
    limit: int | None = None,
    entries: Iterable[FileEntry] | None = None,
) -> ManifestRecord:
    """Write manifest/, images.csv and, last, manifest.json; return the content of manifest.json.

    An existing manifest is kept: a retried run predicts the images that it started with, even if others were added
    since. limit: at most this many images. entries: the files to list, by default those that `walk` finds below the
    dataset's root. Raises BatchPredictionsError if there are no images, or if the existing manifest was made from
    another dataset, limit or labels.
    """
    request = ManifestRequest(dataset.content_id, limit, labels)
    if existing := read_record(ManifestRecord, run.manifest_summary):
        return _keep(run, existing, request)
    remove(run.manifest)
    remove_leftovers(run.root)
    writer = _Writer(dataset, labels)
    with replace_atomically(run.manifest) as shards, replace_atomically(run.images_csv) as listing:
        shards.mkdir()
        with open(listing, "w", encoding="utf-8", newline="") as file:
            files = walk(Path(dataset.root)) if entries is None else entries
            writer.write(files, limit, shards, csv.writer(file, lineterminator="\n"))
    if not writer.rows:
        remove(run.manifest)
        remove(run.images_csv)
        raise BatchPredictionsError(
            f"source {dataset.source}: it contains no images ({count(writer.skipped.total(), 'other file')}); give a "
            f"source whose image files end in {', '.join(IMAGE_EXTENSIONS)}"
        )
    manifest = writer.summary(request)
    write_record(run.manifest_summary, manifest)
    log.info("manifest: %s in %s", count(manifest.rows, "image"), count(manifest.shards, "shard"))
    return manifest


def _keep(run: RunPaths, existing: ManifestRecord, request: ManifestRequest) -> ManifestRecord:
    if existing.request != request:
        raise BatchPredictionsError(
            f"run {run.run_key}: its manifest was made from another source, limit or model ({existing.source}); "
            f"trigger a new run, or remove {run.root} to start this one again"
        )
    log.info("run %s: keeping its manifest of %s", run.run_key, count(existing.rows, "image"))
    return existing


class _Writer:
    """Write image files as shards and as CSV rows, one shard at a time, and count them."""

    def __init__(self, dataset: DatasetRecord, labels: tuple[str, ...]) -> None:
        self._dataset, self._labels = dataset, labels
        self._label_of_directory = lru_cache(maxsize=1024)(lambda directory: label_of(directory, labels))
        self._fingerprint = sha256()
        self.rows = self._shards = self._bytes = 0
        self.skipped: Counter[str] = Counter()

    def write(self, entries: Iterable[FileEntry], limit: int | None, shards: Path, listing: Any) -> None:
        """shards: directory for the Parquet files. listing: csv writer of images.csv."""
        images = islice(self._images(entries), limit)
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

    def _images(self, entries: Iterable[FileEntry]) -> Iterator[FileEntry]:
        for entry in entries:
            if entry.skipped:
                self.skipped[entry.skipped] += 1
                if self.skipped[entry.skipped] <= LOGGED_SKIPS:
                    log.info("skipped %s: %s", encode_path(entry.path), entry.skipped)
            else:
                yield entry

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
        """Add a shard to the counts and to the fingerprint.

        The fingerprint is the sha256 over all shards in order: of each its paths (one a line; paths contain no line
        breaks), then its sizes, then its modification times (int64, little endian).
        """
        self.rows += len(paths)
        self._bytes += int(sizes.sum())
        self._fingerprint.update("".join(f"{path}\n" for path in paths).encode())
        self._fingerprint.update(sizes.astype("<i8").tobytes())
        self._fingerprint.update(stamps.astype("<i8").tobytes())
        self._shards += 1

    def summary(self, request: ManifestRequest) -> ManifestRecord:
        return ManifestRecord(
            source=self._dataset.source,
            root=self._dataset.root,
            content_id=self._dataset.content_id,
            rows=self.rows,
            shards=self._shards,
            bytes=self._bytes,
            skipped=dict(sorted(self.skipped.items())),
            fingerprint=self._fingerprint.hexdigest(),
            request=request,
        )

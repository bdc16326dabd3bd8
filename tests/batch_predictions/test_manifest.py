"""The manifest lists every image once, in a fixed order, under a name that round-trips."""

from __future__ import annotations

import csv
import os
import struct
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from batch_predictions.manifest import build_manifest
from batch_predictions.path_labels import label_of
from batch_predictions.walk import FileEntry
from run_contract import manifest_layout
from run_contract.errors import BatchPredictionsError
from run_contract.image_paths import decode_path, encode_path
from run_contract.layout import RunPaths, Workspace, shard_name
from run_contract.records.dataset import DatasetRecord
from run_contract.records.manifest import ManifestRecord

LABELS = ("cat", "dog")
MOMENT = 1_580_702_706


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "photos"
    directory.mkdir()
    return directory


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    return Workspace(tmp_path / "workspace").run("one")


def put(root: Path, *names: str | bytes, content: bytes = b"x") -> None:
    for name in names:
        path = os.path.join(os.fsencode(root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, (MOMENT, MOMENT))


def build(run: RunPaths, root: Path, limit: int | None = None, content_id: str = "abc") -> ManifestRecord:
    return build_manifest(run, DatasetRecord("http://host/a.zip", str(root), content_id), LABELS, limit)


def rows_of(run: RunPaths) -> list[dict[str, Any]]:
    """Return the rows of all shards in order."""
    rows: list[dict[str, Any]] = []
    for shard in range(len(os.listdir(run.manifest))):
        rows += pq.read_table(run.manifest / shard_name(shard)).to_pylist()
    return rows


def listed(run: RunPaths) -> list[str]:
    """Return the rows of images.csv below its header."""
    with open(run.images_csv, encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["img_path"]
    assert {len(row) for row in rows} == {1}
    return [row[0] for row in rows]


def test_order_and_columns(run: RunPaths, root: Path) -> None:
    put(root, "b.jpg", "z/2.jpg", "a/cats/1.jpg", "a/x.JPEG", "B.png", "z/10.jpg", "é.webp", content=b"four")
    summary = build(run, root)
    rows = rows_of(run)
    expected = ["B.png", "b.jpg", "é.webp", "a/x.JPEG", "a/cats/1.jpg", "z/10.jpg", "z/2.jpg"]
    assert [row["img_path"] for row in rows] == expected
    assert listed(run) == expected
    assert rows[4] == {
        "img_path": "a/cats/1.jpg",
        "shard": 0,
        "size_bytes": 4,
        "modified_ns": MOMENT * 10**9,
        "label": "cat",
        "source": "abc",
    }
    assert [row["label"] for row in rows].count(None) == 6
    assert (summary.rows, summary.shards, summary.bytes, summary.skipped) == (7, 1, 28, {})
    assert (summary.source, summary.root, summary.content_id) == ("http://host/a.zip", str(root), "abc")


@pytest.mark.parametrize(
    ("images", "sizes"),
    [(1, [1]), (2, [2]), (3, [2, 1]), (32, [2] * 16), (33, [2] * 16 + [1]), (40, [2] * 16 + [4, 4])],
)
def test_shards_are_cut(
    run: RunPaths, root: Path, monkeypatch: pytest.MonkeyPatch, images: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(manifest_layout, "FIRST_SHARD_ROWS", 2)
    put(root, *(f"{number:03}.jpg" for number in range(images)))
    summary = build(run, root)
    assert (summary.rows, summary.shards) == (images, len(sizes))
    assert sorted(os.listdir(run.manifest)) == [shard_name(shard) for shard in range(len(sizes))]
    rows = rows_of(run)
    assert [row["shard"] for row in rows] == [shard for shard, size in enumerate(sizes) for _ in range(size)]
    assert [row["img_path"] for row in rows] == listed(run) == [f"{number:03}.jpg" for number in range(images)]


NAMES = (
    b"two\nlines.jpg",
    b"carriage\rreturn.jpg",
    b"both\r\n.jpg",
    b"\nleading.jpg",
    b"\ttab.jpg",
    b"a,b.jpg",
    b'"quoted".jpg',
    b'one".jpg',
    b" space .jpg",
    b"=1+1.jpg",
    b"-1.jpg",
    b"+1.jpg",
    b"@1.jpg",
    "😀.jpg".encode(),
    "cafe\u0301.jpg".encode(),
    "caf\u00e9.jpg".encode(),
    "\u2028\u0085\ufeff.jpg".encode(),
    b"%20.jpg",
    b"#*?[1].jpg",
    b"\xff\xfe.jpg",
    b"caf\xe9.jpg",
    b"\xed\xa0\x80.jpg",
    b"back\\slash.jpg",
    b"\\xff.jpg",
    b"\\\\xff\\.jpg",
    b"=dir\xff/-1.jpg",
    b"dir,\n/\xff.jpg",
    b"n" * 251 + b".jpg",
    b"\x01\x1f\x7f.jpg",
)


def test_every_name_round_trips(plain_path: Path) -> None:
    root, run = plain_path / "photos", Workspace(plain_path / "workspace").run("one")
    put(root, *NAMES)
    assert build(run, root).rows == len(NAMES)
    from_parquet = [row["img_path"] for row in rows_of(run)]
    assert {decode_path(img_path) for img_path in from_parquet} == set(NAMES)
    assert listed(run) == from_parquet
    assert not [img_path for img_path in from_parquet if img_path[0] in "=+-@\t\r\n"]
    assert all(os.path.exists(os.path.join(os.fsencode(root), decode_path(img_path))) for img_path in from_parquet)


@pytest.mark.parametrize("name", NAMES)
def test_encode_path_is_undone_by_decode_path(name: bytes) -> None:
    assert decode_path(encode_path(name)) == name


def test_other_files_are_skipped_and_counted(run: RunPaths, root: Path) -> None:
    put(root, "a.jpg", "readme.txt", "jpg", "b.jpg.bak", "._a.jpg", ".DS_Store", "Thumbs.db", "sub/desktop.ini")
    put(root, "__MACOSX/._a.jpg", "__MACOSX/c.jpg")
    os.symlink(root / "a.jpg", root / "link.jpg")
    os.symlink(root, root / "loop")
    os.mkfifo(root / "pipe.jpg")
    summary = build(run, root)
    assert listed(run) == ["a.jpg"]
    assert summary.skipped == {
        "link": 2,
        "not a regular file": 1,
        "not an image name": 3,
        "system directory": 1,
        "system file": 4,
    }


@pytest.mark.parametrize(("limit", "rows"), [(1, 1), (3, 3), (9, 4), (None, 4)])
def test_limit(run: RunPaths, root: Path, limit: int | None, rows: int) -> None:
    put(root, *(f"{number}.jpg" for number in range(4)))
    assert build(run, root, limit).rows == rows
    assert listed(run) == [f"{number}.jpg" for number in range(rows)]


@pytest.mark.parametrize("names", [(), ("readme.txt", "sub/notes.txt")])
def test_no_images(run: RunPaths, root: Path, names: tuple[str, ...]) -> None:
    put(root, *names)
    with pytest.raises(
        BatchPredictionsError, match=rf"^source http://host/a.zip: it contains no images \({len(names)} other file"
    ):
        build(run, root)
    assert os.listdir(run.root) == []


def test_an_existing_manifest_is_kept(run: RunPaths, root: Path) -> None:
    put(root, "a.jpg")
    first = build(run, root)
    put(root, "b.jpg")
    assert build(run, root) == first
    assert listed(run) == ["a.jpg"]


@pytest.mark.parametrize("other", [{"content_id": "def"}, {"limit": 1}])
def test_manifest_of_another_request_is_refused(run: RunPaths, root: Path, other: dict[str, Any]) -> None:
    put(root, "a.jpg", "b.jpg")
    build(run, root)
    with pytest.raises(BatchPredictionsError, match="run one: its manifest was made from another source, limit"):
        build(run, root, **other)
    assert listed(run) == ["a.jpg", "b.jpg"]


def test_the_manifest_of_a_killed_task_is_built_again(run: RunPaths, root: Path) -> None:
    put(root, *(f"{number}.jpg" for number in range(3)))
    build(run, root)
    run.manifest_summary.unlink()
    (run.manifest / shard_name(7)).touch()
    (run.root / ".manifest.123.part").mkdir()
    build(run, root)
    assert sorted(os.listdir(run.root)) == ["images.csv", "manifest", "manifest.json"]
    assert os.listdir(run.manifest) == [shard_name(0)]


def test_entries_can_be_passed_in(run: RunPaths, root: Path) -> None:
    put(root, "on-the-disk.jpg")
    entries = (FileEntry(b"%d.jpg" % number, number, 7) for number in range(600))
    summary = build_manifest(run, DatasetRecord("source", str(root), "abc"), LABELS, entries=entries)
    assert (summary.rows, summary.shards, summary.bytes) == (600, 2, sum(range(600)))
    assert [(row["img_path"], row["size_bytes"]) for row in rows_of(run)] == [(f"{n}.jpg", n) for n in range(600)]


def test_no_more_than_two_shards_are_held(run: RunPaths, root: Path) -> None:
    living: list[int] = []
    most = 0

    class Entry(FileEntry):
        """A FileEntry that notes when it is deleted."""

        def __del__(self) -> None:
            living.pop()

    def entries() -> Iterator[FileEntry]:
        nonlocal most
        for number in range(12_288):
            living.append(number)
            most = max(most, len(living))
            yield Entry(b"%d.jpg" % number)

    summary = build_manifest(run, DatasetRecord("source", str(root), "abc"), LABELS, entries=entries())
    assert summary.rows == 12_288
    assert most <= 2 * 1024 + 1


def test_labels_are_those_of_the_paths(run: RunPaths, root: Path) -> None:
    names = ["dog.1.jpg", "x.jpg", "cats/dog.1.jpg", "other/dog.1.jpg", "Dogs/cat/1.jpg", "cat/new/2.jpg", "=cat/3.jpg"]
    put(root, *names)
    build(run, root)
    labels = {row["img_path"]: row["label"] for row in rows_of(run)}
    assert labels == {path: label_of(path, LABELS) for path in labels}
    assert (labels["dog.1.jpg"], labels["cats/dog.1.jpg"], labels["other/dog.1.jpg"]) == ("dog", "cat", "dog")


def test_fingerprint(tmp_path: Path) -> None:
    def fingerprint(key: str, *names: str, content: bytes = b"x", moment: int = MOMENT) -> str:
        root = tmp_path / "photos" / key
        put(root, *names, content=content)
        os.utime(root / names[-1], (moment, moment))
        return str(build(Workspace(tmp_path).run(key), root, content_id=key).fingerprint)

    first = fingerprint("1", "a.jpg", "b.jpg")
    assert fingerprint("2", "a.jpg", "b.jpg") == first
    others = {
        fingerprint("3", "a.jpg", "c.jpg"),
        fingerprint("4", "a.jpg", "b.jpg", content=b"longer"),
        fingerprint("5", "a.jpg", "b.jpg", moment=MOMENT + 1),
        fingerprint("6", "a.jpg"),
    }
    assert len(others | {first}) == 5


def test_fingerprint_is_that_of_the_rows(run: RunPaths, root: Path) -> None:
    put(root, "a.jpg", "cat/é.jpg")
    rows = "a.jpg\ncat/é.jpg\n".encode() + struct.pack("<4q", 1, 1, MOMENT * 10**9, MOMENT * 10**9)
    assert build(run, root).fingerprint == sha256(rows).hexdigest()

"""The walk yields every file below a directory, in a fixed order."""

from __future__ import annotations

import sys
from pathlib import Path

from batch_predictions.walk import walk


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_a_file_removed_while_its_directory_is_read_is_skipped(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    entries = walk(tmp_path)
    assert next(entries).path == b"a.jpg"
    (tmp_path / "b.jpg").unlink()
    assert [(entry.path, entry.skipped) for entry in entries] == [(b"b.jpg", "unreadable file"), (b"c.jpg", None)]


def test_deeply_nested_directories(tmp_path: Path) -> None:
    put(tmp_path, *("d/" * depth + "x.jpg" for depth in range(300)))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(250)  # pytest could not remove a deeper tree
    try:
        depths = [entry.path.count(b"/") for entry in walk(tmp_path)]
    finally:
        sys.setrecursionlimit(limit)
    assert depths == list(range(300))

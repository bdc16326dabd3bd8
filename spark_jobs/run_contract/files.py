"""Files that are either whole or not there. Standard library only."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4


@contextmanager
def replace_atomically(target: Path) -> Iterator[Path]:
    """Yields a path beside `target` to write; renames it onto `target` when the block succeeds.

    On an error what was written is removed and `target` stays as it was. A process killed in between
    leaves a hidden ``.<name>.<id>.part``, which `remove_leftovers` clears.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.parent / f".{target.name}.{uuid4().hex[:8]}.part"
    try:
        yield part
        if part.is_file():
            _sync(part)
        os.replace(part, target)
    except BaseException:
        remove(part)
        raise


def _sync(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Removes a file, link or tree; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_leftovers(directory: Path) -> None:
    """Clears what killed writers left in `directory`. Call it where no other writer is at work."""
    for part in directory.glob(".*.part"):
        remove(part)


def write_json(target: Path, record: Any) -> None:
    with replace_atomically(target) as part:
        part.write_text(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """The record in `path`, or None when there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def append_json_line(path: Path, record: Any) -> None:
    """Appends one line, in the place of one that a kill or a full disk has cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
    with open(path, "ab+") as file:
        file.truncate(_end_of_last_line(file))
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def _end_of_last_line(file: BinaryIO) -> int:
    """Looks from the end: the file may be long, a line is short."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(end - 4096, 0)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Holds the lock file `lock` for the block; others of this machine wait."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read_json_lines(path: Path) -> list[Any]:
    """The records in `path`. A last line that was cut by a kill is left out."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    whole, _, _cut = content.rpartition(b"\n")
    return [json.loads(line) for line in whole.split(b"\n") if line.strip()]


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

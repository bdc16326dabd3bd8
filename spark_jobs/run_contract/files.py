"""Write files so that a reader sees a whole file or none."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4


@contextmanager
def replace_atomically(target: Path) -> Iterator[Path]:
    """Yield a path beside `target` to write to, and rename it to `target` when the block succeeds.

    The path may become a file, a link or a directory. On an error it is removed, and `target` stays as it was. A
    process that is killed in between leaves a hidden ``.<name>.<id>.part``, which `remove_leftovers` removes.
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
    """Remove a file, a link or a whole directory, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_leftovers(directory: Path) -> None:
    """Remove what killed writers left in `directory`. No other writer may be active there."""
    for part in directory.glob(".*.part"):
        remove(part)


def write_json(target: Path, content: Any) -> None:
    """Write JSON values to `target` as a whole. Raises ValueError for NaN and infinity."""
    with replace_atomically(target) as part:
        part.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def append_json_line(path: Path, content: Any) -> None:
    """Append JSON values as one line, and remove an incomplete last line that a killed writer or a full disk left.

    Raises ValueError for NaN and infinity.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
    with open(path, "ab+") as file:
        file.truncate(_end_of_last_line(file))
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def _end_of_last_line(file: BinaryIO) -> int:
    """Return the offset after the last newline; searched from the end because the file may be long."""
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
    """Hold the lock file `lock` during the block; other processes on this machine wait."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading. Raises OSError also for a directory, a pipe or a device, on which a reader may hang."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal digits. Raises OSError as open_regular does."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

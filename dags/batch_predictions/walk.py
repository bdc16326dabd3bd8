"""Find the image files below a directory, in a fixed order and with bounded memory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

IMAGE_EXTENSIONS = (".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp")
ENDINGS = tuple(extension.encode() for extension in IMAGE_EXTENSIONS)


class FileEntry(NamedTuple):
    """A file below the root: an image, or something that is skipped.

    path: relative to the root. modified_ns: modification time in nanoseconds. skipped: the reason, None for an image.
    """

    path: bytes
    size_bytes: int = 0
    modified_ns: int = 0
    skipped: str | None = None


def walk(root: Path) -> Iterator[FileEntry]:
    """Yield every file below `root`, sorted by name; the files of a directory come before its subdirectories.

    Memory holds the names of one directory (about 60 bytes each) and the paths of the directories not yet visited.
    Links are not followed and no file is opened.
    """
    top = os.path.join(os.fsencode(root), b"")
    unvisited = [b""]
    while unvisited:
        directory = unvisited.pop()
        try:
            names = os.listdir(top + directory)
        except PermissionError:
            yield FileEntry(directory.rstrip(b"/"), skipped="unreadable directory")
            continue
        names.sort()
        subdirectories = []
        for name in names:
            entry = _inspect(top, directory + name, name)
            if entry is None:
                subdirectories.append(directory + name + b"/")
            else:
                yield entry
        unvisited += reversed(subdirectories)


def _inspect(top: bytes, path: bytes, name: bytes) -> FileEntry | None:
    """Return the entry for `path` below `top`, or None for a directory to visit."""
    try:
        found = os.lstat(top + path)
    except (FileNotFoundError, PermissionError):  # removed since its directory was listed, or no permission to look
        return FileEntry(path, skipped="unreadable file")
    if stat.S_ISDIR(found.st_mode):
        return FileEntry(path, skipped="system directory") if name == b"__MACOSX" else None
    if stat.S_ISLNK(found.st_mode):
        return FileEntry(path, skipped="link")
    if name.startswith(b".") or name.lower() in (b"thumbs.db", b"desktop.ini"):
        return FileEntry(path, skipped="system file")
    if not name.lower().endswith(ENDINGS):
        return FileEntry(path, skipped="not an image name")
    if not stat.S_ISREG(found.st_mode):
        return FileEntry(path, skipped="not a regular file")
    return FileEntry(path, found.st_size, found.st_mtime_ns)

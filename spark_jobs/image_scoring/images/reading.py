"""Read the bytes of an image."""

from __future__ import annotations

import os
import stat

from image_scoring.images.errors import ImageError

MAX_FILE_BYTES = 256 * 1024 * 1024


def read_file(path: bytes, size_bytes: int | None = None, modified_ns: int | None = None) -> bytes:
    """Return the bytes of an image.

    size_bytes, modified_ns: as the manifest recorded them (modification time in nanoseconds); None accepts any file.
    Follows no link and does not block on a pipe. Raises ImageError.
    """
    try:
        with open(path, "rb", opener=_open_plain_file) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ImageError("unreadable: not a regular file")
            if (size_bytes, modified_ns) not in ((None, None), (found.st_size, found.st_mtime_ns)):
                raise ImageError("changed: the file is not the one in the manifest")
            if found.st_size == 0:
                raise ImageError("empty: zero bytes")
            if found.st_size > MAX_FILE_BYTES:
                raise ImageError(f"too large: more than {MAX_FILE_BYTES} bytes")
            return file.read()
    except FileNotFoundError:
        raise ImageError("missing: the file was removed after the manifest was written") from None
    except OSError as error:
        raise ImageError(f"unreadable: {error.strerror}") from None


def _open_plain_file(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)

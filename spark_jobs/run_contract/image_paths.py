"""The path of an image as text that round-trips exactly."""

from __future__ import annotations

import os
import re
from pathlib import Path


def encode_path(name: bytes) -> str:
    r"""Return a file's path relative to the dataset's root as text that `decode_path` turns back into the same bytes.

    Valid UTF-8 stays as it is, except that a backslash is doubled: control characters, which would break the lines of a
    CSV file, and bytes that are not UTF-8 become ``\xNN``. A text that starts with ``= + - @`` gets ``./`` in front: it
    is the same path to the file system and no formula to a spreadsheet.
    """
    escaped = re.sub(rb"[\x00-\x1f\x7f]", lambda m: b"\\x%02x" % m[0][0], name.replace(b"\\", b"\\\\"))
    text = escaped.decode("utf-8", errors="backslashreplace")
    return f"./{text}" if text[:1] in "=+-@" else text


def decode_path(img_path: str) -> bytes:
    """Return the path that `encode_path` encoded."""

    def unescape(match: re.Match[bytes]) -> bytes:
        return b"\\" if match[0] == b"\\\\" else bytes([int(match[1], 16)])

    return re.sub(rb"\\\\|\\x([0-9a-f]{2})", unescape, img_path.removeprefix("./").encode())


def locate_image(root: str | bytes | Path, img_path: str) -> bytes:
    """Return the path of an image of the manifest below the dataset's root."""
    return os.fsencode(root) + b"/" + decode_path(img_path)

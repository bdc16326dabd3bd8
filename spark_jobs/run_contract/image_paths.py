"""An image's path as text that round-trips exactly."""

from __future__ import annotations

import re


def encode_path(name: bytes) -> str:
    r"""A file's path relative to the dataset's root, as text that round-trips exactly.

    Valid UTF-8 stays as it is but for the backslash, which is doubled, because a control character (it would break
    the lines of a CSV file) and a byte that is not UTF-8 become ``\xNN``. A leading ``= + - @`` gets ``./`` before
    it: the same path to the file system, and no formula to a spreadsheet.
    """
    escaped = re.sub(rb"[\x00-\x1f\x7f]", lambda m: b"\\x%02x" % m[0][0], name.replace(b"\\", b"\\\\"))
    text = escaped.decode("utf-8", errors="backslashreplace")
    return f"./{text}" if text[:1] in "=+-@" else text


def decode_path(img_path: str) -> bytes:
    """The inverse of `encode_path`."""

    def unescape(match: re.Match[bytes]) -> bytes:
        return b"\\" if match[0] == b"\\\\" else bytes([int(match[1], 16)])

    return re.sub(rb"\\\\|\\x([0-9a-f]{2})", unescape, img_path.removeprefix("./").encode())

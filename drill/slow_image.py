"""A small, valid image whose decoding takes minutes.

A progressive JPEG may refine its coefficients in any number of scans, and a decoder visits all blocks for each scan
(ITU-T T.81, annex G). A scan without a change takes two bytes for 16,384 blocks.
"""

from __future__ import annotations

import struct

SIDE = 4096  # pixels: a quarter of a million blocks
SCANS = 200_000
RUN_BITS = 14  # a run of 2^14 blocks that end at once, followed by 14 bits for the number of further ones


def slow_image(scans: int = SCANS) -> bytes:
    """Return a grey JPEG of 4096 x 4096 pixels. Each scan takes a decoder about a millisecond."""
    return b"".join(
        [
            b"\xff\xd8",
            _segment(0xDB, b"\x00" + b"\x01" * 64),
            _segment(0xC2, struct.pack(">BHHB", 8, SIDE, SIDE, 1) + b"\x01\x11\x00"),
            _segment(0xC4, _table(0x00, 0) + _table(0x10, RUN_BITS << 4)),
            _scan(0, 0, _packed("0" * _blocks())),
            _scan(1, 63, _packed(_runs())) * scans,
            b"\xff\xd9",
        ]
    )


def _blocks() -> int:
    return (SIDE // 8) ** 2


def _runs() -> str:
    """Return the bits of a scan without a change: runs of 2^14 blocks that cover all of them."""
    return ("0" + "0" * RUN_BITS) * (_blocks() >> RUN_BITS)


def _table(class_and_id: int, symbol: int) -> bytes:
    """Return a Huffman table in which `symbol` is the bit 0."""
    return bytes([class_and_id, 1, *[0] * 15, symbol])


def _scan(first: int, last: int, data: bytes) -> bytes:
    return _segment(0xDA, bytes([1, 1, 0x00, first, last, 0x00])) + data


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _packed(bits: str) -> bytes:
    """Return bits as bytes, padded with ones. None of the bytes is 0xFF, which would need an escape."""
    filled = bits + "1" * (-len(bits) % 8)
    return bytes(int(filled[start : start + 8], 2) for start in range(0, len(filled), 8))

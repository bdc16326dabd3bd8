"""Small images of every kind that an archive may contain."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.helpers import noise

ORIENTATION = 0x0112
SIZE = (37, 53)  # height, width: odd, so that a swap of the two or a different rounding is visible


def _rgb(height: int = SIZE[0], width: int = SIZE[1]) -> Image.Image:
    return Image.fromarray(noise(height, width))


def _alpha(mode: str) -> Image.Image:
    channels = {"LA": 2, "RGBA": 4, "CMYK": 4}[mode]
    return Image.frombytes(mode, SIZE[::-1], noise(*SIZE, channels).tobytes())


def _animated(path: Path) -> None:
    frames = [Image.fromarray(noise(*SIZE, seed=seed)).quantize(32) for seed in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def _sixteen_bits(path: Path) -> None:
    values = np.random.default_rng(20).integers(0, 65536, SIZE, dtype=np.uint16)
    Image.fromarray(values).save(path)


def _transparent_palette(path: Path) -> None:
    _rgb().quantize(16).save(path, transparency=bytes(range(0, 256, 16)))


def _orientation(value: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        exif = Image.Exif()
        exif[ORIENTATION] = value
        _rgb().save(path, exif=exif)

    return write


def _corrupt_exif(path: Path) -> None:
    _rgb().save(path)
    payload = b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 20
    content = path.read_bytes()
    path.write_bytes(content[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + content[2:])


KINDS: dict[str, Callable[[Path], None]] = {
    "rgb.jpg": lambda path: _rgb().save(path),
    "progressive.jpg": lambda path: _rgb().save(path, progressive=True),
    "grey.jpg": lambda path: _rgb().convert("L").save(path),
    "cmyk.jpg": lambda path: _alpha("CMYK").save(path),
    "rgb.png": lambda path: _rgb().save(path),
    "palette.png": lambda path: _rgb().quantize(16).save(path),
    "transparent palette.png": _transparent_palette,
    "la.png": lambda path: _alpha("LA").save(path),
    "rgba.png": lambda path: _alpha("RGBA").save(path),
    "16 bits.png": _sixteen_bits,
    "1 bit.png": lambda path: _rgb().convert("1").save(path),
    "animated.gif": _animated,
    "lossy.webp": lambda path: _rgb().save(path),
    "animated.webp": _animated,
    "rgb.bmp": lambda path: _rgb().save(path),
    "rgb.tiff": lambda path: _rgb().save(path),
    "png named.jpg": lambda path: _rgb().save(path, format="PNG"),
    "1x1.png": lambda path: _rgb(1, 1).save(path),
    "1x5000.png": lambda path: _rgb(1, 5000).save(path),
    "5000x1.jpg": lambda path: _rgb(5000, 1).save(path),
    "the wanted size.png": lambda path: _rgb(32, 24).save(path),
    "corrupt exif.jpg": _corrupt_exif,
    **{f"exif {value}.jpg": _orientation(value) for value in range(1, 9)},
}

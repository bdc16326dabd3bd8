"""Draw cats and dogs with the glyphs of a colour emoji font on various backgrounds.

    python sample/draw_images.py sample --font NotoColorEmoji.ttf     # the images in this folder
    python sample/draw_images.py train OUT --font NotoColorEmoji.ttf  # other variations, for training

The two sets come from different random streams, so that no image of the sample is used for training.
"""

from __future__ import annotations

import argparse
import random
import zlib
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps

GLYPHS = {
    "cats": "🐱🐈😺😸😹😻😼😽🙀😿😾",
    "dogs": "🐶🐕🐩🦮",
}
FONT_PIXELS = 109  # the only size of the font's bitmaps
FORMATS = ("jpg", "jpg", "png", "webp", "gif", "bmp", "tiff")
IMAGES_OF_EACH_CLASS = 44


def background(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    """Return an image (width, height) with a plain colour, a gradient, stripes or soft noise."""
    first, second = (tuple(rng.randrange(40, 256) for _ in range(3)) for _ in range(2))
    image = Image.new("RGB", size, first)
    kind = rng.choice(("plain", "gradient", "stripes", "noise"))
    if kind == "gradient":
        mask = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270))).resize(size)
        image.paste(Image.new("RGB", size, second), mask=mask)
    elif kind == "stripes":
        draw = ImageDraw.Draw(image)
        step = rng.randrange(12, 40)
        for x in range(0, size[0], 2 * step):
            draw.rectangle((x, 0, x + step, size[1]), fill=second)
    elif kind == "noise":
        dots = Image.frombytes("L", (8, 8), rng.randbytes(64)).resize(size, Image.Resampling.BICUBIC)
        image.paste(Image.new("RGB", size, second), mask=dots)
    return image


def draw(rng: random.Random, glyph: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    """Return an image with the glyph at a random size, angle and position on a background, sometimes mirrored."""
    side = rng.randrange(120, 420)
    size = (side, int(side * rng.uniform(0.75, 1.3)))
    image = background(rng, size)
    box = font.getbbox(glyph)
    figure = Image.new("RGBA", (int(box[2]), int(box[3])), (0, 0, 0, 0))
    ImageDraw.Draw(figure).text((0, 0), glyph, font=font, embedded_color=True)
    if rng.random() < 0.5:
        figure = ImageOps.mirror(figure)
    edge = int(min(size) * rng.uniform(0.6, 0.95))
    figure = figure.resize((edge, edge), Image.Resampling.LANCZOS)
    figure = figure.rotate(rng.uniform(-20, 20), Image.Resampling.BICUBIC)
    at = (rng.randrange(size[0] - edge + 1), rng.randrange(size[1] - edge + 1))
    image.paste(figure, at, figure)
    return image


def draw_set(out: Path, stream: str, count: int, formats: tuple[str, ...], font: ImageFont.FreeTypeFont) -> None:
    """Draw `count` images of each class below `out`, from the random stream named `stream`."""
    for folder, glyphs in GLYPHS.items():
        (out / folder).mkdir(parents=True, exist_ok=True)
        rng = random.Random(f"{stream} {folder}")
        for number in range(count):
            image = draw(rng, glyphs[number % len(glyphs)], font)
            extension = formats[number % len(formats)]
            options: dict[str, Any] = {"quality": 85} if extension in ("jpg", "webp") else {}
            if extension in ("gif", "bmp", "tiff"):
                image.thumbnail((160, 160))  # keeps the uncompressed formats small
            image.save(out / folder / f"{folder[:-1]}.{number:03d}.{extension}", **options)


def add_bad_files(out: Path) -> None:
    """Add four files that cannot be decoded, so that the first run shows error rows."""
    whole = (out / "cats" / "cat.000.jpg").read_bytes()
    (out / "cats" / "cut-in-half.jpg").write_bytes(whole[: len(whole) // 2])
    (out / "dogs" / "zero-bytes.jpg").write_bytes(b"")
    (out / "dogs" / "web-page.jpg").write_text("<html><body>404 Not Found</body></html>\n")
    bomb = bytearray((out / "cats" / "cat.002.png").read_bytes())
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height in the PNG header, and its checksum
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    (out / "cats" / "pixel-bomb.png").write_bytes(bomb)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=("sample", "train"))
    parser.add_argument("out", type=Path, nargs="?", default=Path(__file__).parent / "images")
    parser.add_argument("--font", type=Path, required=True, help="NotoColorEmoji.ttf with CBDT bitmaps")
    parser.add_argument("--count", type=int, default=600, help="training images of each class")
    arguments = parser.parse_args()
    font = ImageFont.truetype(str(arguments.font), FONT_PIXELS)
    if arguments.set == "sample":
        draw_set(arguments.out, "sample", IMAGES_OF_EACH_CLASS, FORMATS, font)
        add_bad_files(arguments.out)
    else:
        draw_set(arguments.out, "train", arguments.count, ("jpg", "png"), font)


if __name__ == "__main__":
    main()

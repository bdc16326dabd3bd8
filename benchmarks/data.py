"""The images: real ones when there are any, else drawn from the sample; as many as asked for."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

from batch_predictions.archive import extract
from batch_predictions.walk import walk
from image_scoring.images.decoding import decode_image
from image_scoring.images.errors import ImageError
from image_scoring.images.reading import read_file
from local_stack.options import REPOSITORY
from run_contract.errors import BatchPredictionsError
from run_contract.files import replace_atomically, sha256_of

SAMPLE = REPOSITORY / "sample" / "images"
MOST_DRAWN = 3000
WIDTH, HEIGHT = 411, 360  # the mean of cats_and_dogs_filtered


@dataclass(frozen=True)
class Images:
    """root: a directory with these files and nothing else. originals: how many differ; then they repeat."""

    id: str
    source: str
    root: Path
    names: list[str]
    originals: int


def prepare_images(source: Path | None, count: int, workspace: Path) -> Images:
    """`count` images as NNNNNNNN.ext in one directory, in a random order that is always the same, so that the first
    so many are a fair sample. What is there from an earlier call is used again.

    Raises BatchPredictionsError when the source has no image that can be read.
    """
    source_id = _identify(source, count)
    originals = workspace / "originals" / source_id
    if not originals.is_dir():
        with replace_atomically(originals) as part:
            part.mkdir()
            if source is None:
                _draw(part, min(count, MOST_DRAWN))
            else:
                with _opened(source, workspace) as directory:
                    _take_readable(directory, part)
            if not os.listdir(part):
                raise BatchPredictionsError(f"source {source}: no image in it can be read; give another with SOURCE=")
    files = sorted(originals.iterdir())
    root = workspace / "images" / f"{source_id}-{count}"
    if not root.is_dir():
        with replace_atomically(root) as part:
            part.mkdir()
            for number in range(count):
                original = files[number % len(files)]
                _link(original, part / f"{number:08d}{original.suffix}")
    return Images(
        id=f"{source_id}-{count}",
        source=source.name if source else "generated from the sample's pictures",
        root=root,
        names=sorted(os.listdir(root)),
        originals=min(len(files), count),
    )


def _identify(source: Path | None, count: int) -> str:
    if source is None:
        return f"generated-{min(count, MOST_DRAWN)}"
    if source.is_file():
        return sha256_of(source)[:12]
    listing = hashlib.sha256(os.fsencode(source))
    for found in walk(source):
        listing.update(repr((found.path, found.size_bytes, found.modified_ns)).encode())
    return listing.hexdigest()[:12]


@contextmanager
def _opened(source: Path, workspace: Path) -> Iterator[Path]:
    """The directory of a source; an archive's is there for the block only."""
    if source.is_dir():
        yield source
        return
    with tempfile.TemporaryDirectory(dir=workspace) as scratch:
        extract(source, Path(scratch) / "archive", str(source))
        yield Path(scratch) / "archive"


def _take_readable(directory: Path, target: Path) -> None:
    """Links the images that can be read: the other ways of doing the job would end at a broken one."""
    paths = [directory / os.fsdecode(found.path) for found in walk(directory) if not found.skipped]
    random.Random(20).shuffle(paths)
    for number, path in enumerate(_readable(paths)):
        _link(path, target / f"{number:08d}{path.suffix.lower()}")


def _readable(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        try:
            decode_image(read_file(os.fsencode(path)), (224, 224))
        except ImageError:
            continue
        yield path


def _draw(target: Path, count: int) -> None:
    """JPEG files like photos in size and detail, from the sample's pictures: cut, turned, mirrored, lit."""
    pictures = []
    for path in _readable(sorted(SAMPLE.rglob("*.*"))):
        with Image.open(path) as picture:
            pictures.append(picture.convert("RGB"))
    for number in range(count):
        rng = random.Random(number)
        chosen = rng.choice(pictures)
        chosen = ImageOps.mirror(chosen) if rng.random() < 0.5 else chosen
        chosen = chosen.rotate(rng.uniform(-15, 15), Image.Resampling.BICUBIC, fillcolor=chosen.getpixel((0, 0)))
        size = (round(WIDTH * rng.uniform(0.7, 1.3)), round(HEIGHT * rng.uniform(0.7, 1.3)))
        lit = ImageEnhance.Brightness(ImageOps.fit(chosen, size)).enhance(rng.uniform(0.7, 1.3))
        grain = Image.frombytes("L", (64, 64), rng.randbytes(64 * 64)).resize(size).convert("RGB")
        Image.blend(lit, grain, 0.15).save(target / f"{number:08d}.jpg", quality=85)


def _link(path: Path, target: Path) -> None:
    """The same file under another name; a copy where the file system has no such thing."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copy2(path, target)

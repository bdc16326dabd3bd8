"""What a person may set: NAME=VALUE words, as they follow `make bench`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.command import places
from benchmarks.lineup import CONTENDERS
from local_stack.command import read_words
from local_stack.options import REPOSITORY, UsageError

REAL_ARCHIVE = REPOSITORY.parent / "shared" / "data" / "cats_and_dogs_filtered.zip"
GENERATED = "generated"
NAMES = ("IMAGES", "ROUNDS", "ONLY", "SOURCE", "OUTPUT", "WORKSPACE", "CORES")


@dataclass(frozen=True)
class Options:
    """source: zip archive or directory; None for generated images. only: names of contenders, empty for all."""

    images: int
    rounds: int
    only: tuple[str, ...]
    source: Path | None
    output: Path
    workspace: Path
    cores: int


def parse_options(words: list[str]) -> Options:
    """Raises UsageError. Paths are taken from the current directory."""
    values = read_words(words, NAMES)
    output, workspace = places(values)
    return Options(
        images=_number("IMAGES", values.get("IMAGES", "3000")),
        rounds=_number("ROUNDS", values.get("ROUNDS", "3")),
        only=_contenders(values.get("ONLY", "")),
        source=_source(values.get("SOURCE", "")),
        output=output,
        workspace=workspace,
        cores=_number("CORES", values.get("CORES", str(os.cpu_count() or 1))),
    )


def _source(text: str) -> Path | None:
    if text == GENERATED:
        return None
    source = _path(text)
    if source is None:
        return REAL_ARCHIVE if REAL_ARCHIVE.exists() else None
    if not source.exists():
        raise UsageError(f"SOURCE={text}: no such file or directory; give a zip archive, a directory or {GENERATED}")
    return source


def _contenders(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    known = [contender.name for contender in CONTENDERS]
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"ONLY={text}: there is no contender {unknown[0]}; there are {', '.join(known)}")
    return names


def _path(text: str) -> Path | None:
    return Path(text).expanduser().absolute() if text else None


def _number(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"{name}={text}: it must be a whole number above 0")
    return int(text)

"""The words of `make drill`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drill.scenarios import DRILLS, Drill
from local_stack.command import read_words
from local_stack.options import REPOSITORY, UsageError

NAMES = ("ONLY", "OUTPUT", "WORKSPACE", "IMAGES")
# The images of a run unless IMAGES is given: within these bounds, as many as the sensor needs to poll several times.
FEWEST, MOST = 2048, 16384


@dataclass(frozen=True)
class Options:
    """images: of each run, or None to choose them by the machine's speed."""

    drills: tuple[Drill, ...]
    images: int | None
    output: Path
    workspace: Path


def parse(words: list[str]) -> Options:
    """Return the options. Relative paths start at the current directory. Raises UsageError."""
    values = read_words(words, NAMES)
    images = values.get("IMAGES") or ""
    if images and not (images.isdecimal() and int(images) >= FEWEST):
        raise UsageError(f"IMAGES={images}: it must be a whole number from {FEWEST}, so that a run lasts long enough")
    workspace = Path(values.get("WORKSPACE") or REPOSITORY / "workspace" / ".drill").expanduser().absolute()
    output = Path(values.get("OUTPUT") or workspace / "drills.jsonl").expanduser().absolute()
    return Options(_chosen(values.get("ONLY", "")), int(images) if images else None, output, workspace)


def _chosen(text: str) -> tuple[Drill, ...]:
    """Return the drills that `text` names, and always the first one, which has no fault: it shows what is normal."""
    known = {drill.name: drill for drill in DRILLS}
    names = [name for name in text.split(",") if name] or list(known)
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"ONLY={text}: there is no drill {unknown[0]}; there are {', '.join(known)}")
    return tuple(drill for drill in DRILLS if drill.name in names or drill is DRILLS[0])

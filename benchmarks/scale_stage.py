"""One stage of `make bench-scale` in its own process: the code of the task, on invented rows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from batch_predictions.manifest import build_manifest
from batch_predictions.publish import publish
from batch_predictions.validate import validate
from batch_predictions.walk import FileEntry
from run_contract.layout import Workspace
from run_contract.records.dataset import DatasetRecord

LABELS = ("Cat", "Dog")
ERROR_BUDGET = 0.05
IMAGES_IN_A_DIRECTORY = 1000
MOMENT_NS = 1_580_702_706 * 10**9


def images(rows: int) -> Iterator[FileEntry]:
    """Yield what a walk over `rows` photos would find: train/cats/00000/00000000.jpg, ..."""
    for number in range(rows):
        directory = number // IMAGES_IN_A_DIRECTORY
        kind = b"train/cats" if directory % 2 else b"validation/dogs"
        path = b"%s/%05d/%08d.jpg" % (kind, directory, number)
        yield FileEntry(path, 10_000 + number % 30_000, MOMENT_NS + number * 10**6)


def main(stage: str, root: str, run_key: str, rows: str) -> None:
    workspace = Workspace(Path(root))
    run = workspace.run(run_key)
    if stage == "manifest":
        build_manifest(run, DatasetRecord("invented", root, f"{rows} rows"), LABELS, entries=images(int(rows)))
    elif stage == "validate":
        validate(workspace, run, LABELS, ERROR_BUDGET)
    else:
        publish(workspace, run)


if __name__ == "__main__":
    main(*sys.argv[1:])

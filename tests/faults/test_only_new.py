"""only_new on a real cluster: results of unchanged images are carried over, and the files are those of a full run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from batch_predictions.publish import publish
from batch_predictions.validate import validate
from run_contract.layout import RunPaths
from tests.faults.job import Stage, assert_complete, hashes
from tests.helpers import LABELS, draw

pytestmark = pytest.mark.slow

ERROR_BUDGET = 0.2


def test_unchanged_images_are_carried_over(stage: Stage, undisturbed: RunPaths, tmp_path: Path) -> None:
    validate(stage.workspace, undisturbed, LABELS, ERROR_BUDGET)
    publish(stage.workspace, undisturbed)

    again = stage.new_run("20260102T000000Z")
    # Decoding a marked image crashes, so none is decoded.
    faults = {"images": {"by_marker": {"MARK": "crash"}}}
    stage.predict(again, only_new=True, executors=faults)
    progress = assert_complete(again)
    assert progress.carried == progress.rows_total
    assert hashes(again) == hashes(undisturbed)

    changed = _change(stage.images, tmp_path / "images")
    partly, fully = stage.new_run("20260103T000000Z", changed), stage.new_run("20260104T000000Z", changed)
    stage.predict(partly, only_new=True)
    stage.predict(fully)
    assert assert_complete(partly).carried == progress.rows_total - 3
    assert assert_complete(fully).carried == 0
    assert hashes(partly) == hashes(fully)


def _change(before: Path, after: Path) -> Path:
    """Copy the images and change them: two have another content, two are new, one is missing."""
    shutil.copytree(before, after)  # with the modification stamps
    others = [next(after.glob(f"{number}.*")) for number in ("00050", "00400")]
    for seed, path in enumerate([*others, after / "00010a.jpg", after / "zz.png"]):
        draw(path, seed)
    next(after.glob("00300.*")).unlink()
    return after

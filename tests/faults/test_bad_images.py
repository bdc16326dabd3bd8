"""Images that crash or hang the interpreter cost one row each."""

from __future__ import annotations

import pytest

from run_contract.layout import RunPaths
from tests.faults.job import Stage, assert_complete, rows

pytestmark = pytest.mark.slow

ERRORS = {
    "00040.jpg": "crashed: it ended the interpreter (SIGSEGV)",
    "00330.jpg": "hung: no answer within 3 s",
}


def test_images_that_crash_or_hang_the_interpreter_are_error_rows(stage: Stage, undisturbed: RunPaths) -> None:
    run = stage.new_run("bad-images")
    faults = {"images": {"by_marker": {"MARK-A": "crash", "MARK-C": "hang"}}}
    stage.predict(run, executors=faults, image_timeout=3.0)
    progress = assert_complete(run)
    found, expected = rows(run), rows(undisturbed)
    assert {row["img_path"]: row["error"] for row in found if row["img_path"] in ERRORS} == ERRORS
    assert [row for row in found if row["img_path"] not in ERRORS] == [
        row for row in expected if row["img_path"] not in ERRORS
    ]
    assert progress.errors == len([row for row in found if row["status"] == "error"])

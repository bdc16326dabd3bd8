"""What a test needs of the machine: without it the test is skipped, or fails in CI."""

from __future__ import annotations

import os

import pytest

FORBID = "BATCH_PREDICTIONS_FORBID_SKIPS"


def need(what: str, present: bool) -> None:
    """Skip the test when `what` is not present; fail it when FORBID is set, as in CI, which installs everything."""
    if present:
        return
    if os.environ.get(FORBID):
        pytest.fail(f"{what} is not on this machine, and {FORBID} is set")
    pytest.skip(f"{what} is not on this machine")

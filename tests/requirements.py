"""What a machine may lack: said when a test skips for it, and forbidden to skip in CI."""

from __future__ import annotations

import os

import pytest

FORBID = "BATCH_PREDICTIONS_FORBID_SKIPS"


def need(what: str, present: bool) -> None:
    """Skips the test when `what` is not present; fails it where CI has installed everything."""
    if present:
        return
    if os.environ.get(FORBID):
        pytest.fail(f"{what} is not on this machine, and {FORBID} is set")
    pytest.skip(f"{what} is not on this machine")

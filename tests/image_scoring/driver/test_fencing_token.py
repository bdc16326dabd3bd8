"""Only the newest attempt of a run may commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from image_scoring.driver.fencing_token import Fence, Fenced
from run_contract.errors import BatchPredictionsError, TemporaryError


def test_the_newest_attempt_passes_and_the_one_before_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "run" / "fence"
    first = Fence(path)
    first.check()
    second = Fence(path)
    second.check()
    assert first.token != second.token
    with pytest.raises(Fenced, match="run run: a newer attempt has taken over"):
        first.check()
    second.check()


def test_one_that_was_stopped_is_not_tried_again() -> None:
    assert issubclass(Fenced, BatchPredictionsError)
    assert not issubclass(Fenced, TemporaryError)

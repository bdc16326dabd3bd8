"""Only the newest attempt of a run may commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from image_scoring.driver.fencing_token import AttemptSuperseded, FencingToken
from run_contract.errors import BatchPredictionsError, TemporaryError


def test_the_newest_attempt_passes_and_the_one_before_is_superseded(tmp_path: Path) -> None:
    path = tmp_path / "run" / "fencing_token"
    first = FencingToken(path)
    first.check()
    second = FencingToken(path)
    second.check()
    assert first.value != second.value
    with pytest.raises(AttemptSuperseded, match="run run: a newer attempt has taken over; this one stops"):
        first.check()
    second.check()


def test_a_superseded_attempt_is_not_worth_a_retry() -> None:
    assert issubclass(AttemptSuperseded, BatchPredictionsError)
    assert not issubclass(AttemptSuperseded, TemporaryError)

"""An executor that computes something else than the driver must not predict."""

from __future__ import annotations

import socket
from importlib.metadata import version
from typing import Any

import pytest

from tests.faults.job import Stage, progress_of, stamps

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "faults", "expected"),
    [
        ("version", {"versions": {"numpy": "1.0"}}, f"numpy 1.0 found, {version('numpy')} expected; "),
        ("model", {"model": {"sha256": "0" * 64}}, "model.xml: sha256 000000000000 found, "),
        ("pixels", {"pixels": {"add": 1}}, "the golden image's pixels "),
    ],
)
def test_an_executor_that_differs_ends_the_run(stage: Stage, name: str, faults: dict[str, Any], expected: str) -> None:
    run = stage.new_run(f"preflight-{name}")
    with stage.submit(run, executors=faults) as submission:
        assert submission.wait() == 1, submission.output
    *_, before, last = submission.printed.splitlines()
    assert last.startswith(f"error: preflight: host {socket.gethostname()}: "), submission.output
    assert expected in last
    assert before == "predicting 18 of 18 shards"
    progress = progress_of(run)
    assert last == f"error: {progress.message}"
    assert not progress.worth_retrying
    assert not stamps(run)

"""The shards of a run as the job reads them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from image_scoring.images.manifest_shards import count_rows, manifest_rows
from run_contract import manifest_layout
from run_contract.layout import RunPaths
from tests.helpers import make_run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    """A run with the shards 0 (4 rows) and 1 (2 rows)."""
    monkeypatch.setattr(manifest_layout, "FIRST_SHARD_ROWS", 4)
    _, run = make_run(tmp_path, [f"{n}.jpg" for n in range(6)])
    return run


def test_the_rows_of_a_shard_are_those_of_the_manifest(run: RunPaths) -> None:
    assert [manifest_rows(run, shard) for shard in (0, 1)] == [4, 2]


@pytest.mark.parametrize(
    ("statuses", "counted"),
    [([], (0, 0)), (["predicted"] * 3, (3, 0)), (["error", "predicted", "error"], (3, 2)), (["error"], (1, 1))],
)
def test_rows_are_counted_with_their_errors(statuses: list[str], counted: tuple[int, int]) -> None:
    assert count_rows(pa.table({"status": pa.array(statuses, pa.string())})) == counted

"""Some rows of a batch are carried over from the base run, the others are predicted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from batch_predictions.manifest import build_manifest
from image_scoring.worker.incremental import BaseRun
from image_scoring.worker.scorer import ScoreCounts
from run_contract.layout import Workspace
from run_contract.records.dataset import DatasetRecord
from tests.helpers import LABELS, manifest_paths, predicted, write_predictions
from tests.image_scoring.brightness_model import make_factory, manifest_columns, save_grey
from tests.image_scoring.worker.results import COLUMNS, dtypes_of, values_of


class RunWithBase:
    """Five images, and a base run with a row for each whose probability the engine would not give."""

    def __init__(self, root: Path) -> None:
        self.factory = make_factory(root)
        self.names = [save_grey(self.factory, value) for value in (0, 51, 102, 153, 204)]
        base = Workspace(root / "workspace").run("before")
        build_manifest(base, DatasetRecord("test", self.factory.dataset_root, "test"), LABELS)
        rows = [predicted(path, probability=np.float32(0.125)) for path in manifest_paths(base)]
        rows[1].update(prediction=None, probability=None, status="error", error="undecodable: broken")
        write_predictions(base, rows)
        self.incremental = replace(self.factory, base_run=BaseRun(str(base.root), 1))

    def change(self, *names: str) -> None:
        """Change the modification times, but not the content."""
        for name in names:
            (Path(self.factory.dataset_root) / name).touch()


@pytest.fixture
def run(tmp_path: Path) -> RunWithBase:
    return RunWithBase(tmp_path)


@pytest.mark.parametrize("isolated", [False, True])
def test_rows_that_are_carried_over_and_predicted_keep_their_order(run: RunWithBase, isolated: bool) -> None:
    run.change("000.png", "153.png")
    scorer = run.incremental.open_isolated() if isolated else run.incremental.open()
    names = [*run.names[:3], "missing.png", *run.names[3:]]
    result = scorer.score(*manifest_columns(run.factory, names))
    assert dtypes_of(result) == COLUMNS
    assert list(result.index) == list(range(6))
    assert values_of(result) == [0, None, 32, None, 153, 32]
    reasons = [None if pd.isna(error) else error.partition(":")[0] for error in result["error"]]
    assert reasons == [None, "undecodable", None, "missing", None, None]
    assert scorer.take_counts().carried == 3
    assert scorer.take_counts().carried == 0


def test_when_all_rows_are_carried_over_neither_an_image_nor_the_engine_is_opened(run: RunWithBase) -> None:
    recorded = manifest_columns(run.factory, run.names)
    for name in run.names:
        (Path(run.factory.dataset_root) / name).unlink()
    Path(run.factory.engine.path).unlink()
    scorer = run.incremental.open()
    result = scorer.score(*recorded)
    assert values_of(result) == [32, None, 32, 32, 32]
    assert dtypes_of(result) == COLUMNS
    assert scorer.take_counts() == ScoreCounts(carried=5)
    assert scorer.take_counts() == ScoreCounts()


def test_when_nothing_is_carried_over_the_rows_are_those_of_a_full_run(run: RunWithBase) -> None:
    run.change(*run.names)
    recorded = manifest_columns(run.factory, run.names)
    expected = run.factory.open().score(*recorded)
    scorer = run.incremental.open()
    pd.testing.assert_frame_equal(scorer.score(*recorded), expected, check_exact=True)
    assert scorer.take_counts().carried == 0

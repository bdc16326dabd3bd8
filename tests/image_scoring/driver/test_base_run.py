"""Which run becomes the base run, and what happens when it is damaged or removed."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from image_scoring.driver.base_run import choose_base_run
from image_scoring.worker.incremental import BaseRunResults
from run_contract.layout import RunPaths, shard_name
from run_contract.record import require_record, write_record
from run_contract.records.predict import BaseRunRecord
from tests.helpers import predicted
from tests.image_scoring.incremental_runs import (
    NAMES,
    SCORING,
    IncrementalRuns,
    base_run_of,
    find,
    predict_all,
    predict_new,
    rows_of,
    table_of,
)


@pytest.fixture
def runs(plain_path: Path, monkeypatch: pytest.MonkeyPatch) -> IncrementalRuns:
    return IncrementalRuns(plain_path, monkeypatch)


def base_run_record(run: RunPaths) -> BaseRunRecord:
    return require_record(BaseRunRecord, run.base_run)


def damage(path: Path) -> None:
    path.write_bytes(b"PAR1" + b"?" * 50 + b"PAR1")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def other_rows(path: Path) -> None:
    table = pq.read_table(path)
    names = [*table.column("img_path").to_pylist()[:-1], "other.jpg"]
    pq.write_table(table.set_column(table.schema.get_field_index("img_path"), "img_path", pa.array(names)), path)


def no_column(path: Path) -> None:
    pq.write_table(pq.read_table(path).drop_columns(["img_path"]), path)


def no_rows(path: Path) -> None:
    pq.write_table(pq.read_table(path).slice(0, 0), path)


def other_type(path: Path) -> None:
    table = pq.read_table(path)
    column = pa.array(["many"] * table.num_rows)
    name = "probability" if "probability" in table.column_names else "img_path"
    other = column if name == "probability" else pa.array(range(table.num_rows))
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, other), path)


@pytest.mark.parametrize("shard", [0, 4, 9])
@pytest.mark.parametrize("kind", ["manifest", "predictions"])
@pytest.mark.parametrize("harm", [Path.unlink, damage, cut, other_rows, no_column, no_rows, other_type])
def test_a_damaged_shard_is_predicted_and_the_others_are_carried_over(
    harm: Callable[[Path], None], kind: str, shard: int, runs: IncrementalRuns, caplog: pytest.LogCaptureFixture
) -> None:
    runs.put(*NAMES)
    first, run = runs.published("1"), runs.run("2")
    base_run = base_run_of(runs, run)
    lost = [row["img_path"] for row in rows_of(first, shard)]
    harm(getattr(first, kind) / shard_name(shard))
    caplog.clear()
    assert predict_new(run, base_run) == lost
    assert len(caplog.messages) == 1
    assert "run 1: shard-0000" in caplog.text
    assert table_of(run) == table_of(predict_all(runs.run("full")))


def test_without_the_files_of_the_base_run_all_images_are_predicted_with_one_warning(
    runs: IncrementalRuns, caplog: pytest.LogCaptureFixture
) -> None:
    runs.put(*NAMES)
    first, run = runs.published("1"), runs.run("2")
    base_run = base_run_of(runs, run)
    os.rename(first.root, first.root.with_name("away"))
    caplog.clear()
    assert sorted(predict_new(run, base_run)) == sorted(NAMES)
    assert len(caplog.messages) == 1
    assert choose_base_run(runs.workspace, run) is None


def test_a_base_run_can_be_pickled_with_every_task(runs: IncrementalRuns) -> None:
    runs.put(*NAMES)
    runs.published("1")
    base_run = base_run_of(runs, runs.run("2"))
    assert pickle.loads(pickle.dumps(base_run)) == base_run
    assert len({base_run, pickle.loads(pickle.dumps(base_run))}) == 1
    assert len(pickle.dumps(base_run)) < 1000


@pytest.mark.parametrize(
    ("other", "cause"),
    [
        ({"model": "m@2"}, "another model"),
        ({"spec": {"threshold": 0.6, "labels": ["Cat", "Dog"]}}, "another spec"),
        ({"spec": {"threshold": 0.5, "labels": ["Dog", "Cat"]}}, "another spec"),
        ({"engine": "tensorflow", "model": "m@2"}, "another engine, model"),
        ({"precision": "bf16"}, "another precision"),
        ({"versions": {"numpy": "1.0"}}, "another versions"),
    ],
)
def test_a_run_that_was_predicted_in_another_way_is_no_base_run(
    other: dict[str, Any], cause: str, runs: IncrementalRuns, caplog: pytest.LogCaptureFixture
) -> None:
    runs.put(*NAMES)
    runs.published("1")
    run = runs.run("2", scoring=replace(SCORING, **other))
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert choose_base_run(runs.workspace, run) is None
    assert caplog.messages == [f"run 2: no results are carried over: the published run 1 was predicted with {cause}"]
    assert str(base_run_record(run).reason) in caplog.messages[0]
    write_record(run.scoring, SCORING)
    assert choose_base_run(runs.workspace, run) is not None


@pytest.mark.parametrize("lacks", ["manifest_summary", "scoring", "predictions"])
def test_a_run_that_lacks_a_file_is_no_base_run(lacks: str, runs: IncrementalRuns) -> None:
    runs.put(*NAMES)
    path = getattr(runs.published("1"), lacks)
    run = runs.run("2")
    os.rename(path, path.with_name("away"))
    assert choose_base_run(runs.workspace, run) is None
    reason = "the published run 1 does not have its manifest.json, scoring.json and predictions"
    assert base_run_record(run) == BaseRunRecord("1", reason=reason)
    path.write_text("{")
    assert choose_base_run(runs.workspace, run) is None


def test_without_a_published_run_there_is_no_base_run_at_any_attempt(runs: IncrementalRuns) -> None:
    runs.put(*NAMES)
    run = runs.run("2")
    assert choose_base_run(runs.workspace, run) is None
    record = BaseRunRecord(None, reason="no run was published")
    assert base_run_record(run) == record
    runs.published("1")
    assert choose_base_run(runs.workspace, run) is None
    assert base_run_record(run) == record


def test_a_run_is_not_its_own_base_run(runs: IncrementalRuns) -> None:
    runs.put(*NAMES)
    assert choose_base_run(runs.workspace, runs.published("1")) is None


def test_the_base_run_stays_when_another_run_is_published_in_the_middle(
    runs: IncrementalRuns, caplog: pytest.LogCaptureFixture
) -> None:
    """The later run has other results for the same images; none of them may be used."""
    runs.put(*NAMES)
    first = runs.published("1")
    run = runs.run("3")
    caplog.clear()
    with caplog.at_level(logging.INFO):
        base_run = base_run_of(runs, run)
    assert caplog.messages == ["run 3: results of unchanged images are carried over from run 1"]
    assert base_run_record(run) == BaseRunRecord("1", carried_over=True)
    base_results = BaseRunResults(base_run)
    before = find(base_results, rows_of(run, 0))[0]
    runs.published("2", outcome=lambda row: predicted(row["img_path"], probability=0.75))
    assert runs.workspace.published_run() == "2"
    assert base_run_of(runs, run) == base_run
    pd.testing.assert_frame_equal(find(BaseRunResults(base_run), rows_of(run, 0))[0], before)
    assert predict_new(run, base_run_of(runs, run)) == []
    assert table_of(run) == table_of(first)

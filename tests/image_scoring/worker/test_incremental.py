"""Which results are carried over from the base run, and that the table is that of a full run."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from batch_predictions.walk import walk
from image_scoring.images.errors import CONTENT_REASONS
from image_scoring.worker.incremental import NO_STAMP_NS, BaseRun, BaseRunResults, walk_key
from image_scoring.worker.udf import RESULT_SCHEMA
from run_contract.image_paths import encode_path
from run_contract.layout import shard_numbers
from tests.image_scoring.incremental_runs import (
    NAMES,
    STAMP,
    IncrementalRuns,
    base_run_of,
    failed,
    find,
    outcome_of,
    predict_all,
    predict_new,
    rows_of,
    table_of,
)


@pytest.fixture
def runs(plain_path: Path, monkeypatch: pytest.MonkeyPatch) -> IncrementalRuns:
    return IncrementalRuns(plain_path, monkeypatch)


def random_tree(dice: random.Random) -> list[bytes]:
    """Return paths of images, mixed with directories, many of whose names begin with the same bytes."""
    letters = [
        b"a",
        b"b",
        b"A",
        b" ",
        b"-",
        b".",
        b"!",
        b"0",
        b"~",
        b"=",
        b"\\",
        b"\x01",
        b"\x1f",
        b"\n",
        b"\xff",
        b"\xc3\xa9",
    ]
    names: set[bytes] = set()
    for _ in range(120):
        depth = dice.randint(0, 3)
        parts = [b"".join(dice.choices(letters, k=dice.randint(1, 3))) for _ in range(depth + 1)]
        name = b"/".join([*(part.replace(b".", b"d") for part in parts[:-1]), b"_" + parts[-1] + b".jpg"])
        names.add(name)
    return sorted(names, key=lambda _: dice.random())


@pytest.mark.parametrize("seed", range(8))
def test_the_key_sorts_paths_in_the_order_of_the_walk(seed: int, runs: IncrementalRuns) -> None:
    names = random_tree(random.Random(seed))
    runs.put(*names)
    walked = [encode_path(found.path) for found in walk(runs.images) if not found.skipped]
    assert len(walked) == len(names)
    assert sorted(walked, key=walk_key) == walked
    assert len({walk_key(path) for path in walked}) == len(walked)
    assert walked != sorted(walked)


def test_files_come_before_directories_and_a_prefix_before_the_longer_name() -> None:
    order = ["a.jpg.jpg", "ab.jpg", "z.jpg", "a/z.jpg", "a/b/c.jpg", "a!/a.jpg", "ab/a.jpg"]
    found = order[::-1]
    found.sort(key=walk_key)
    assert found == order


def test_all_results_of_an_unchanged_dataset_are_carried_over_with_the_types_of_the_udf(runs: IncrementalRuns) -> None:
    runs.put(*NAMES)
    first = runs.published("1")
    run = runs.run("2")
    frame, found = find(BaseRunResults(base_run_of(runs, run)), rows_of(run, 0))
    before = [outcome_of(row) for row in rows_of(first, 0)]
    assert all(found)
    assert {row["status"] for row in before} == {"predicted", "error"}
    good = np.array([row["error"] is None for row in before])
    expected = pd.DataFrame(  # as ImageScorer makes it
        {
            "prediction": np.array([row["prediction"] for row in before], dtype=object),
            "probability": pd.Series(np.array([row["probability"] or 0 for row in before], np.float32))
            .astype("Float32")
            .mask(~good),
            "status": np.where(good, "predicted", "error"),
            "error": pd.Series([row["error"] for row in before], dtype=object),
        }
    )
    assert list(frame.columns) == RESULT_SCHEMA.fieldNames()
    pd.testing.assert_frame_equal(frame, expected, check_exact=True)
    assert [value is None for value in frame["error"]] == list(good)  # None and not NaN
    assert predict_new(run, base_run_of(runs, run)) == []
    assert table_of(run) == table_of(first)


@pytest.mark.parametrize("shard_rows", [1, 3, 4, 7, 100])
@pytest.mark.parametrize("seed", range(4))
def test_only_new_images_are_predicted_and_the_table_is_that_of_a_full_run(
    seed: int, shard_rows: int, runs: IncrementalRuns
) -> None:
    """After insertions, deletions, other sizes, other modification times, and with other shard sizes."""
    dice = random.Random(seed)
    names = random_tree(dice)
    runs.put(*names[:100])
    runs.published("1")

    kinds = dict(zip(names, dice.choices(["keep", "keep", "gone", "size", "stamp"], k=100), strict=False))
    for name, kind in kinds.items():
        if kind == "gone":
            os.unlink(os.path.join(os.fsencode(runs.images), name))
    runs.put(*(name for name, kind in kinds.items() if kind == "size"), size=4)
    runs.put(*(name for name, kind in kinds.items() if kind == "stamp"), stamp=STAMP + 1)
    runs.put(*names[100:])

    run = runs.run("2", shard_rows)
    fresh = predict_new(run, base_run_of(runs, run))
    new = names[100:] + [name for name, kind in kinds.items() if kind in ("size", "stamp")]
    assert sorted(fresh) == sorted(map(encode_path, new))
    assert table_of(run) == table_of(predict_all(runs.run("full")))


def test_after_many_incremental_runs_the_table_is_that_of_a_full_run(runs: IncrementalRuns) -> None:
    dice = random.Random(20)
    runs.put(*NAMES)
    runs.published("0")
    for day in range(1, 6):
        runs.put(*dice.sample(NAMES, 5), stamp=STAMP + day)
        run = runs.run(str(day), shard_rows=dice.randint(1, 9))
        assert len(predict_new(run, base_run_of(runs, run))) == 5
        runs.publish(run)
    assert table_of(run) == table_of(predict_all(runs.run("full")))


@pytest.mark.parametrize(
    "error", ["missing: gone", "changed: another", "unreadable: denied", "unreadable", "emptyish: x"]
)
def test_an_image_with_a_temporary_error_is_predicted_again(error: str, runs: IncrementalRuns) -> None:
    runs.put(*NAMES[:4])
    runs.published("1", outcome=lambda row: failed(row, error) if row["img_path"] == NAMES[2] else outcome_of(row))
    run = runs.run("2")
    assert predict_new(run, base_run_of(runs, run)) == [NAMES[2]]
    assert table_of(run) == table_of(predict_all(runs.run("full")))


@pytest.mark.parametrize("error", [*CONTENT_REASONS, *(f"{reason}: why, and\\x0a: how" for reason in CONTENT_REASONS)])
def test_an_error_of_the_content_is_carried_over(error: str, runs: IncrementalRuns) -> None:
    runs.put(*NAMES[:4])
    first = runs.published("1", outcome=lambda row: failed(row, error))
    run = runs.run("2")
    assert predict_new(run, base_run_of(runs, run)) == []
    assert table_of(run) == table_of(first)


def test_images_with_the_modification_time_of_archives_without_dates_are_predicted_again(runs: IncrementalRuns) -> None:
    runs.put(*NAMES[:2], stamp=NO_STAMP_NS)
    runs.put(*NAMES[2:4])
    runs.published("1")
    run = runs.run("2")
    assert predict_new(run, base_run_of(runs, run)) == NAMES[:2]


def test_a_batch_may_begin_and_end_anywhere(runs: IncrementalRuns) -> None:
    runs.put(*NAMES)
    first = runs.published("1", shard_rows=3)
    rows = [row for shard in shard_numbers(first.manifest) for row in rows_of(first, shard)]
    base_results = BaseRunResults(BaseRun(str(first.root), len(shard_numbers(first.manifest))))
    for start in range(0, len(rows), 5):
        for stop in range(start, len(rows) + 1, 7):
            assert find(base_results, rows[start:stop])[1] == [True] * (stop - start)
    nowhere = [{**rows[0], "img_path": path} for path in ("!.jpg", "a/b/zz.jpg", "zz/0.jpg")]
    assert [find(base_results, [row])[1] for row in nowhere] == [[False]] * 3
    mixed, found = find(base_results, [nowhere[0], *rows, nowhere[2]])
    assert found == [False, *[True] * len(rows), False]
    assert mixed.iloc[[0, -1]].isna().all(axis=None)


def test_only_a_few_shards_are_read_and_kept(runs: IncrementalRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.put(*(f"{number:04d}.jpg" for number in range(400)))
    first = runs.published("1", shard_rows=2)
    shards = shard_numbers(first.manifest)
    read: list[int] = []
    original = BaseRunResults._read_results

    def reading(self: BaseRunResults, shard: int) -> Any:
        read.append(shard)
        return original(self, shard)

    monkeypatch.setattr(BaseRunResults, "_read_results", reading)
    base_results = BaseRunResults(BaseRun(str(first.root), len(shards)))
    for shard in shards:
        assert all(find(base_results, rows_of(first, shard))[1])
    assert read == shards
    read.clear()
    half = [row for shard in shards[10:12] for row in rows_of(first, shard)][1:-1]
    for _ in range(3):  # as when Spark's batches are smaller than a shard
        assert all(find(base_results, half)[1])
    assert read == shards[10:12]

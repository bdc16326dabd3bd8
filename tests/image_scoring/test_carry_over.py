"""What is carried over from the published run, and that the table is the one that a full run makes."""

from __future__ import annotations

import logging
import os
import pickle
import random
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_predictions import manifest as manifest_module
from batch_predictions.download import Dataset
from batch_predictions.manifest import build_manifest, walk
from batch_predictions.publish import export_csv, point
from image_scoring.carry_over import NO_STAMP_NS, Basis, CarryOver, choose_basis, walk_key
from image_scoring.contract import ERROR, RunPaths, Workspace, encode_path, shard_name, shard_numbers
from image_scoring.files import read_json, write_json
from image_scoring.preprocess import CONTENT_REASONS
from image_scoring.udf import RESULT_SCHEMA
from tests.helpers import LABELS, predicted, write_predictions

SCORING = {"model": "m@1", "spec": {"threshold": 0.5, "labels": ["Cat", "Dog"]}, "engine": "openvino"}
STAMP = NO_STAMP_NS + 10**9
NAMES = [f"{directory}{number:02d}.jpg" for directory in ("", "a/", "a/b/", "c/") for number in range(10)]

Row = dict[str, Any]


class Scene:
    """A workspace and a directory of images that change from run to run."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.workspace = Workspace(root / "workspace")
        self.pictures = root / "pictures"
        self._cut = monkeypatch

    def put(self, *names: str | bytes, size: int = 3, stamp: int = STAMP) -> None:
        for name in names:
            path = os.path.join(os.fsencode(self.pictures), os.fsencode(name))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(b"x" * size)
            os.utime(path, ns=(stamp, stamp))

    def run(self, key: str, shard_rows: int = 4, scoring: dict[str, Any] = SCORING) -> RunPaths:
        """A run over the images as they are, with its first shards of `shard_rows`, not predicted yet."""
        self._cut.setattr(manifest_module, "FIRST_SHARD_ROWS", shard_rows)
        run = self.workspace.run(key)
        build_manifest(run, Dataset(str(self.pictures), str(self.pictures), "test"), LABELS)
        write_json(run.scoring, scoring)
        return run

    def published(self, key: str, shard_rows: int = 4, outcome: Callable[[Row], Row] | None = None) -> RunPaths:
        run = predict_all(self.run(key, shard_rows), outcome or outcome_of)
        self.publish(run)
        return run

    def publish(self, run: RunPaths) -> None:
        self.workspace.published.mkdir(exist_ok=True)
        point(self.workspace.published / "current", Path("..") / "runs" / run.run_key)


@pytest.fixture
def scene(plain_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(plain_path, monkeypatch)


def outcome_of(row: Row) -> Row:
    """What the model of these tests says of an image: another thing for another path, size or stamp."""
    number = int(sha256(f"{row['img_path']} {row['size_bytes']} {row['modified_ns']}".encode()).hexdigest()[:6], 16)
    if number % 5 == 0:
        return failed(row, "undecodable: broken, at " + str(number))
    return predicted(row["img_path"], prediction=LABELS[number % 2], probability=np.float32(number / 2**24))


def failed(row: Row, error: str) -> Row:
    return predicted(row["img_path"], prediction=None, probability=None, status=ERROR, error=error)


def rows_of(run: RunPaths, shard: int) -> list[Row]:
    rows: list[Row] = pq.read_table(run.manifest / shard_name(shard)).to_pylist()
    return rows


def predict_all(run: RunPaths, outcome: Callable[[Row], Row] = outcome_of) -> RunPaths:
    for shard in shard_numbers(run.manifest):
        write_predictions(run, [outcome(row) for row in rows_of(run, shard)], shard)
    return run


def find(carry: CarryOver, rows: list[Row]) -> tuple[pd.DataFrame, list[bool]]:
    paths = pd.Series([row["img_path"] for row in rows], dtype=object)
    sizes, stamps = (pd.Series([row[name] for row in rows], dtype="int64") for name in ("size_bytes", "modified_ns"))
    frame, found = carry.find(paths, sizes, stamps)
    assert len(frame) == len(found) == len(rows)
    assert list(frame.index) == list(range(len(rows)))
    return frame, found.tolist()


def predict_new(run: RunPaths, basis: Basis | None, outcome: Callable[[Row], Row] = outcome_of) -> list[str]:
    """Predicts `run` with what is carried over, shard by shard; returns the paths that were not."""
    carry, fresh = CarryOver(basis) if basis else None, []
    for shard in shard_numbers(run.manifest):
        rows = rows_of(run, shard)
        frame, found = find(carry, rows) if carry else (pd.DataFrame(index=range(len(rows))), [False] * len(rows))
        results = frame.astype(object).where(frame.notna(), None).to_dict("records")
        write_predictions(
            run,
            [
                predicted(row["img_path"], **result) if carried else outcome(row)
                for row, result, carried in zip(rows, results, found, strict=True)
            ],
            shard,
        )
        fresh += [row["img_path"] for row, carried in zip(rows, found, strict=True) if not carried]
    return fresh


def table_of(run: RunPaths) -> bytes:
    """What publish would show."""
    export_csv(run, run.predictions_csv)
    return run.predictions_csv.read_bytes()


def basis_of(scene: Scene, run: RunPaths) -> Basis:
    basis = choose_basis(scene.workspace, run)
    assert basis is not None
    return basis


def random_tree(dice: random.Random) -> list[bytes]:
    """Paths of images whose names are alike in their first bytes, files and directories among each other."""
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
def test_the_key_sorts_as_the_manifest_walks(seed: int, scene: Scene) -> None:
    names = random_tree(random.Random(seed))
    scene.put(*names)
    walked = [encode_path(found.path) for found in walk(scene.pictures) if not found.skipped]
    assert len(walked) == len(names)
    assert sorted(walked, key=walk_key) == walked
    assert len({walk_key(path) for path in walked}) == len(walked)
    assert walked != sorted(walked)


def test_files_come_before_directories_and_a_prefix_before_the_longer_name() -> None:
    order = ["a.jpg.jpg", "ab.jpg", "z.jpg", "a/z.jpg", "a/b/c.jpg", "a!/a.jpg", "ab/a.jpg"]
    found = order[::-1]
    found.sort(key=walk_key)
    assert found == order


def test_an_unchanged_dataset_is_carried_over_as_a_whole_with_the_types_of_the_udf(scene: Scene) -> None:
    scene.put(*NAMES)
    first = scene.published("1")
    run = scene.run("2")
    frame, found = find(CarryOver(basis_of(scene, run)), rows_of(run, 0))
    before = [outcome_of(row) for row in rows_of(first, 0)]
    assert all(found)
    assert {row["status"] for row in before} == {"predicted", "error"}
    good = np.array([row["error"] is None for row in before])
    expected = pd.DataFrame(  # as image_scoring.scoring makes it
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
    assert predict_new(run, basis_of(scene, run)) == []
    assert table_of(run) == table_of(first)


@pytest.mark.parametrize("shard_rows", [1, 3, 4, 7, 100])
@pytest.mark.parametrize("seed", range(4))
def test_only_what_is_new_is_predicted_and_the_table_is_that_of_a_full_run(
    seed: int, shard_rows: int, scene: Scene
) -> None:
    """Insertions, deletions, other sizes, other stamps, and shards that are cut elsewhere."""
    dice = random.Random(seed)
    names = random_tree(dice)
    scene.put(*names[:100])
    scene.published("1")

    kinds = dict(zip(names, dice.choices(["keep", "keep", "gone", "size", "stamp"], k=100), strict=False))
    for name, kind in kinds.items():
        if kind == "gone":
            os.unlink(os.path.join(os.fsencode(scene.pictures), name))
    scene.put(*(name for name, kind in kinds.items() if kind == "size"), size=4)
    scene.put(*(name for name, kind in kinds.items() if kind == "stamp"), stamp=STAMP + 1)
    scene.put(*names[100:])

    run = scene.run("2", shard_rows)
    fresh = predict_new(run, basis_of(scene, run))
    new = names[100:] + [name for name, kind in kinds.items() if kind in ("size", "stamp")]
    assert sorted(fresh) == sorted(map(encode_path, new))
    assert table_of(run) == table_of(predict_all(scene.run("full")))


def test_many_runs_one_on_the_other_end_with_the_table_of_a_full_run(scene: Scene) -> None:
    dice = random.Random(20)
    scene.put(*NAMES)
    scene.published("0")
    for day in range(1, 6):
        scene.put(*dice.sample(NAMES, 5), stamp=STAMP + day)
        run = scene.run(str(day), shard_rows=dice.randint(1, 9))
        assert len(predict_new(run, basis_of(scene, run))) == 5
        scene.publish(run)
    assert table_of(run) == table_of(predict_all(scene.run("full")))


@pytest.mark.parametrize(
    "error", ["missing: gone", "changed: another", "unreadable: denied", "unreadable", "emptyish: x"]
)
def test_an_error_that_may_pass_is_tried_again(error: str, scene: Scene) -> None:
    scene.put(*NAMES[:4])
    scene.published("1", outcome=lambda row: failed(row, error) if row["img_path"] == NAMES[2] else outcome_of(row))
    run = scene.run("2")
    assert predict_new(run, basis_of(scene, run)) == [NAMES[2]]
    assert table_of(run) == table_of(predict_all(scene.run("full")))


@pytest.mark.parametrize("error", [*CONTENT_REASONS, *(f"{reason}: why, and\\x0a: how" for reason in CONTENT_REASONS)])
def test_an_error_of_the_content_is_carried_over(error: str, scene: Scene) -> None:
    scene.put(*NAMES[:4])
    first = scene.published("1", outcome=lambda row: failed(row, error))
    run = scene.run("2")
    assert predict_new(run, basis_of(scene, run)) == []
    assert table_of(run) == table_of(first)


def test_a_stamp_that_says_nothing_is_no_proof(scene: Scene) -> None:
    """Archives without dates give every file the same one."""
    scene.put(*NAMES[:2], stamp=NO_STAMP_NS)
    scene.put(*NAMES[2:4])
    scene.published("1")
    run = scene.run("2")
    assert predict_new(run, basis_of(scene, run)) == NAMES[:2]


def test_a_batch_may_begin_and_end_anywhere(scene: Scene) -> None:
    scene.put(*NAMES)
    first = scene.published("1", shard_rows=3)
    rows = [row for shard in shard_numbers(first.manifest) for row in rows_of(first, shard)]
    carry = CarryOver(Basis(str(first.root), len(shard_numbers(first.manifest))))
    for start in range(0, len(rows), 5):
        for stop in range(start, len(rows) + 1, 7):
            assert find(carry, rows[start:stop])[1] == [True] * (stop - start)
    nowhere = [{**rows[0], "img_path": path} for path in ("!.jpg", "a/b/zz.jpg", "zz/0.jpg")]
    assert [find(carry, [row])[1] for row in nowhere] == [[False]] * 3
    mixed, found = find(carry, [nowhere[0], *rows, nowhere[2]])
    assert found == [False, *[True] * len(rows), False]
    assert mixed.iloc[[0, -1]].isna().all(axis=None)


def test_only_a_few_shards_are_read_and_kept(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.put(*(f"{number:04d}.jpg" for number in range(400)))
    first = scene.published("1", shard_rows=2)
    shards = shard_numbers(first.manifest)
    read: list[int] = []
    original = CarryOver._read_results

    def reading(self: CarryOver, shard: int) -> Any:
        read.append(shard)
        return original(self, shard)

    monkeypatch.setattr(CarryOver, "_read_results", reading)
    carry = CarryOver(Basis(str(first.root), len(shards)))
    for shard in shards:
        assert all(find(carry, rows_of(first, shard))[1])
    assert read == shards
    read.clear()
    half = [row for shard in shards[10:12] for row in rows_of(first, shard)][1:-1]
    for _ in range(3):  # as when Spark's batches are smaller than a shard
        assert all(find(carry, half)[1])
    assert read == shards[10:12]


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
def test_a_shard_that_is_damaged_is_predicted_and_the_others_are_carried_over(
    harm: Callable[[Path], None], kind: str, shard: int, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.put(*NAMES)
    first, run = scene.published("1"), scene.run("2")
    basis = basis_of(scene, run)
    lost = [row["img_path"] for row in rows_of(first, shard)]
    harm(getattr(first, kind) / shard_name(shard))
    caplog.clear()
    assert predict_new(run, basis) == lost
    assert len(caplog.messages) == 1
    assert "run 1: its shard-0000" in caplog.text
    assert table_of(run) == table_of(predict_all(scene.run("full")))


def test_a_basis_that_vanishes_costs_predictions_and_one_line(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.put(*NAMES)
    first, run = scene.published("1"), scene.run("2")
    basis = basis_of(scene, run)
    os.rename(first.root, first.root.with_name("away"))
    caplog.clear()
    assert sorted(predict_new(run, basis)) == sorted(NAMES)
    assert len(caplog.messages) == 1
    assert choose_basis(scene.workspace, run) is None


def test_a_basis_travels_with_every_task(scene: Scene) -> None:
    scene.put(*NAMES)
    scene.published("1")
    basis = basis_of(scene, scene.run("2"))
    assert pickle.loads(pickle.dumps(basis)) == basis
    assert len({basis, pickle.loads(pickle.dumps(basis))}) == 1
    assert len(pickle.dumps(basis)) < 1000


@pytest.mark.parametrize(
    ("other", "cause"),
    [
        ({"model": "m@2"}, "another model"),
        ({"spec": {"threshold": 0.6, "labels": ["Cat", "Dog"]}}, "another spec"),
        ({"spec": {"threshold": 0.5, "labels": ["Dog", "Cat"]}}, "another spec"),
        ({"engine": "tensorflow", "model": "m@2"}, "another engine, model"),
        ({"precision": "bf16"}, "another precision"),
    ],
)
def test_a_run_that_was_predicted_in_another_way_is_no_basis(
    other: dict[str, Any], cause: str, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.put(*NAMES)
    scene.published("1")
    run = scene.run("2", scoring={**SCORING, **other})
    with caplog.at_level(logging.INFO):
        assert choose_basis(scene.workspace, run) is None
    assert caplog.messages == [f"run 2: nothing is carried over, the published run 1 was predicted with {cause}"]
    assert read_json(run.basis)["reason"] in caplog.messages[0]
    write_json(run.scoring, SCORING)
    assert choose_basis(scene.workspace, run) is not None


@pytest.mark.parametrize("lacks", ["manifest_summary", "scoring", "predictions"])
def test_a_run_that_has_not_all_that_it_takes_is_no_basis(lacks: str, scene: Scene) -> None:
    scene.put(*NAMES)
    path = getattr(scene.published("1"), lacks)
    run = scene.run("2")
    os.rename(path, path.with_name("away"))
    assert choose_basis(scene.workspace, run) is None
    assert "the published run 1 has not its manifest, scoring.json and predictions" in read_json(run.basis)["reason"]
    path.write_text("{")
    assert choose_basis(scene.workspace, run) is None


def test_without_a_published_run_there_is_no_basis_at_any_attempt(scene: Scene) -> None:
    scene.put(*NAMES)
    run = scene.run("2")
    assert choose_basis(scene.workspace, run) is None
    record = {"candidate": None, "carried_over": False, "reason": "no run was published"}
    assert read_json(run.basis) == record
    scene.published("1")
    assert choose_basis(scene.workspace, run) is None
    assert read_json(run.basis) == record


def test_a_run_is_not_its_own_basis(scene: Scene) -> None:
    scene.put(*NAMES)
    assert choose_basis(scene.workspace, scene.published("1")) is None


def test_the_basis_stays_when_another_run_is_published_in_the_middle(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """The later run claims other results for the same images: not one of them may get in."""
    scene.put(*NAMES)
    first = scene.published("1")
    run = scene.run("3")
    with caplog.at_level(logging.INFO):
        basis = basis_of(scene, run)
    assert caplog.messages == ["run 3: what is unchanged since run 1 is carried over"]
    assert read_json(run.basis) == {"candidate": "1", "carried_over": True, "reason": None}
    carry = CarryOver(basis)
    before = find(carry, rows_of(run, 0))[0]
    scene.published("2", outcome=lambda row: predicted(row["img_path"], probability=0.75))
    assert scene.workspace.published_run() == "2"
    assert basis_of(scene, run) == basis
    pd.testing.assert_frame_equal(find(CarryOver(basis), rows_of(run, 0))[0], before)
    assert predict_new(run, basis_of(scene, run)) == []
    assert table_of(run) == table_of(first)

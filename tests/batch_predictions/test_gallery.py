"""The gallery has rows of every kind, the least confident of each, and never more than its limit."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_predictions import gallery as module
from batch_predictions.gallery import SCHEMA, Gallery
from batch_predictions.validate import Invalid, validate
from run_contract.layout import RunPaths, Workspace
from run_contract.record import parse_record
from run_contract.records.metrics import GalleryRecord
from run_contract.table import GALLERY_STRATA
from tests.helpers import LABELS, make_run, manifest_paths, predicted, write_predictions

INPUT = pa.schema([field for field in SCHEMA if field.name not in ("shard", "confidence", "right")])
Row = dict[str, Any]


def made_up(random: Random, labels: tuple[str, ...], number: int) -> Row:
    """Return a row as validate passes it; probabilities take few values, so that many are equal."""
    row: Row = {"row": number, "img_path": f"{number}.jpg", "label": random.choice([*labels, None])}
    if random.random() < 0.1:
        error = random.choice(["empty: zero bytes", "undecodable: a", "undecodable: b"])
        return row | {"prediction": None, "probability": None, "status": "error", "error": error}
    label = random.choice(labels)
    high = len(labels) > 2 or label == labels[1]
    probability = random.randrange(500, 1000) / 1000 if high else random.randrange(0, 500) / 1000
    return row | {"prediction": label, "probability": probability, "status": "predicted", "error": None}


def fill(shards: list[list[Row]], labels: tuple[str, ...], run: RunPaths, threshold: float = 0.5) -> pa.Table:
    """Write the gallery of these rows and read it back."""
    gallery = Gallery(labels, threshold)
    for shard, rows in enumerate(shards):
        errors = pa.Table.from_pylist([row for row in rows if row["error"]], INPUT)
        reasons = pa.array([error.split(":")[0] for error in errors["error"].to_pylist()], pa.string())
        gallery.add_errors(shard, errors, reasons)
        gallery.add_predicted(shard, pa.Table.from_pylist([row for row in rows if not row["error"]], INPUT))
    gallery.write(run)
    return pq.read_table(run.gallery)


def strata_of(table: pa.Table) -> dict[tuple[Any, ...], int]:
    strata = parse_record(GalleryRecord, table.schema.metadata[GALLERY_STRATA.encode()]).strata
    return {(s.reason, s.prediction, s.right, s.tenth): s.rows for s in strata}


def stratum_of(row: Row) -> tuple[Any, ...]:
    if row["error"]:
        return row["error"].split(":")[0], None, None, None
    return None, row["prediction"], row["right"], min(int(row["confidence"] * 10), 9)


def chosen_by_a_loop(rows: list[Row], limit: int) -> set[tuple[int, int]]:
    """Return the same choice, made row by row: the first row of each stratum, then the second of each, and so on."""
    strata = defaultdict(list)
    for row in rows:
        strata[stratum_of(row)].append(row)
    ranked = []
    for members in strata.values():
        members.sort(key=lambda row: (row["confidence"] or 0, row["shard"], row["row"]))
        for rank, row in enumerate(members):
            fine = row["right"] is not False and not row["error"]
            ranked.append((rank, fine, row["confidence"] or 0, row["shard"], row["row"]))
    return {(shard, row) for *_, shard, row in sorted(ranked)[:limit]}


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    return Workspace(tmp_path).run("r")


@pytest.fixture
def shards() -> list[list[Row]]:
    random = Random(20)
    return [[made_up(random, LABELS, number) for number in range(300)] for _ in range(20)]


def test_the_gallery_of_a_small_run_is_complete(run: RunPaths, shards: list[list[Row]]) -> None:
    table = fill(shards, LABELS, run)
    assert table.schema.remove_metadata() == SCHEMA
    expected = [{**row, "shard": shard} for shard, rows in enumerate(shards) for row in rows]
    found = sorted(table.to_pylist(), key=lambda row: (row["shard"], row["row"]))
    for want, have in zip(expected, found, strict=True):
        if want["status"] == "error":
            assert (have["confidence"], have["right"]) == (None, None)
        else:
            certain = want["probability"] if want["prediction"] == "Dog" else 1 - want["probability"]
            assert have["confidence"] == pytest.approx(certain)
            assert have["right"] == (want["prediction"] == want["label"] if want["label"] else None)
        unchanged = {key: have[key] for key in want if key != "probability"}
        assert unchanged == {key: want[key] for key in want if key != "probability"}


def test_wrong_rows_come_first_then_errors_then_the_least_confident(run: RunPaths, shards: list[list[Row]]) -> None:
    rows = fill(shards, LABELS, run).to_pylist()
    groups = [0 if row["right"] is False else 1 if row["error"] else 2 for row in rows]
    assert groups == sorted(groups)
    assert set(groups) == {0, 1, 2}
    for group in (0, 2):
        confidences = [row["confidence"] for row, of in zip(rows, groups, strict=True) if of == group]
        assert confidences == sorted(confidences)


@pytest.mark.parametrize("limit", [40, 100, 1000])
def test_a_large_run_contributes_the_least_confident_rows_of_every_stratum(
    limit: int, run: RunPaths, shards: list[list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = fill(shards, LABELS, run).to_pylist()
    monkeypatch.setattr(module, "LIMIT", limit)
    table = fill(shards, LABELS, run)
    assert table.num_rows == limit
    rows = table.to_pylist()
    assert {(row["shard"], row["row"]) for row in rows} == chosen_by_a_loop(everything, limit)
    totals = Counter(map(stratum_of, everything))
    assert strata_of(table) == totals
    assert set(map(stratum_of, rows)) == set(totals)


def test_the_same_rows_make_the_same_bytes(
    run: RunPaths, shards: list[list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT", 100)
    fill(shards, LABELS, run)
    before = run.gallery.read_bytes()
    fill(shards, LABELS, run)
    assert run.gallery.read_bytes() == before


def test_the_gallery_is_bounded_with_a_thousand_labels(run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = tuple(f"label {number}" for number in range(1000))
    random = Random(20)
    shards = [[made_up(random, labels, number) for number in range(1000)] for _ in range(20)]
    everything = fill(shards, labels, run).to_pylist()
    monkeypatch.setattr(module, "LIMIT", 2000)  # fewer rows than strata
    table = fill(shards, labels, run)
    assert len(strata_of(table)) > 2000
    rows = table.to_pylist()
    assert {(row["shard"], row["row"]) for row in rows} == chosen_by_a_loop(everything, 2000)
    assert {row["error"].split(":")[0] for row in rows if row["error"]} == {"empty", "undecodable"}


@pytest.mark.parametrize(
    ("labels", "prediction", "probability", "threshold", "confidence"),
    [
        (("Cat", "Dog"), "Cat", 0.25, 0.5, 0.75),
        (("Cat", "Dog"), "Dog", 0.75, 0.5, 0.75),
        (("Cat", "Dog"), "Cat", 0.7, 0.7, 0.3),  # one sigmoid: not above the threshold
        (("Cat", "Dog"), "Dog", 0.3, 0.2, 0.3),
        (("Cat", "Dog"), "Cat", 0.75, 0.5, 0.75),  # two outputs
        (("Cat", "Dog", "Bird"), "Cat", 0.4, 0.5, 0.4),
    ],
)
def test_confidence_is_the_probability_of_the_predicted_label(
    labels: tuple[str, ...], prediction: str, probability: float, threshold: float, confidence: float, run: RunPaths
) -> None:
    row = {"row": 0, "img_path": "a", "label": None, "prediction": prediction, "probability": probability}
    table = fill([[row | {"status": "predicted", "error": None}]], labels, run, threshold)
    assert table["confidence"].to_pylist() == [pytest.approx(confidence)]


def test_validate_writes_the_gallery_even_if_there_are_too_many_errors(tmp_path: Path) -> None:
    workspace, run = make_run(tmp_path, ["cats/1.jpg", "cats/2.jpg", "dogs/1.jpg"])
    rows = [predicted(path) for path in manifest_paths(run)]
    rows[1].update(prediction=None, probability=None, status="error", error="empty: zero bytes")
    write_predictions(run, rows)
    with pytest.raises(Invalid):
        validate(workspace, run, LABELS, 0.0)
    found = [(row["shard"], row["row"], row["right"], row["error"]) for row in pq.read_table(run.gallery).to_pylist()]
    assert found == [(0, 2, False, None), (0, 1, None, "empty: zero bytes"), (0, 0, True, None)]


def test_a_faulty_row_is_not_in_the_gallery(tmp_path: Path) -> None:
    workspace, run = make_run(tmp_path, ["1.jpg", "2.jpg"])
    first, second = manifest_paths(run)
    write_predictions(run, [predicted(first, prediction="Bird"), predicted(second)])
    with pytest.raises(Invalid):
        validate(workspace, run, LABELS, 1.0)
    assert pq.read_table(run.gallery)["row"].to_pylist() == [1]

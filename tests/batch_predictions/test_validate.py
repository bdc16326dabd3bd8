"""validate accepts exactly the predictions of the manifest, if they are good enough to publish."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_predictions.path_labels import label_of, split_of
from batch_predictions.tally import Tally
from batch_predictions.validate import Invalid, validate
from run_contract import manifest_layout
from run_contract.errors import BatchPredictionsError
from run_contract.layout import RunPaths, Workspace, shard_name
from run_contract.record import append_record, read_records, require_record, write_record
from run_contract.records.history import HistoryRecord
from run_contract.records.metrics import MetricsRecord, Verdict
from run_contract.records.predict import SubmissionRecord
from tests.batch_predictions.example_records import DUE, PAST_RUN, PROGRESS
from tests.helpers import LABELS, make_run, manifest_paths, predicted, write_predictions

NAMES = [
    "train/cats/1.jpg",
    "train/cats/2.jpg",
    "train/dogs/1.jpg",
    "validation/cats/3.jpg",
    "validation/dogs/2.jpg",
    "x.jpg",
]
ERROR_ROW: dict[str, Any] = {"prediction": None, "probability": None, "status": "error", "error": "empty: zero bytes"}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Workspace, RunPaths]:
    """A run with the shards 0 (4 rows) and 1 (2 rows), all predicted as Cat."""
    monkeypatch.setattr(manifest_layout, "FIRST_SHARD_ROWS", 4)
    workspace, run = make_run(tmp_path, NAMES)
    for shard in (0, 1):
        write_predictions(run, [predicted(path) for path in manifest_paths(run, shard)], shard)
    return workspace, run


def change(run: RunPaths, **changes: Any) -> None:
    """Write shard 0 again, with its second row changed."""
    rows = [predicted(path) for path in manifest_paths(run)]
    rows[1].update(changes)
    write_predictions(run, rows)


def faults_of(made: tuple[Workspace, RunPaths], error_budget: float = 0.0) -> tuple[str, ...]:
    workspace, run = made
    with pytest.raises(Invalid) as error:
        validate(workspace, run, LABELS, error_budget)
    metrics = require_record(MetricsRecord, run.metrics)
    assert metrics.verdict == Verdict.INVALID
    assert metrics.faults[0] in str(error.value)
    assert read_records(HistoryRecord, workspace.history)[0].verdict == Verdict.INVALID
    return metrics.faults


def test_a_whole_run_is_valid(made: tuple[Workspace, RunPaths]) -> None:
    workspace, run = made
    metrics = validate(workspace, run, LABELS, 0.0)
    assert metrics == require_record(MetricsRecord, run.metrics)
    assert (metrics.verdict, metrics.faults) == (Verdict.VALID, ())
    assert (metrics.rows, metrics.predicted, metrics.errors) == (6, 6, 0)
    assert metrics.predictions == {"Cat": 6, "Dog": 0}
    assert sum(metrics.probability_histogram) == 6
    assert metrics.probability_histogram[5] == 6  # 0.25 of 20 bins


def test_accuracy_compares_with_the_labels_in_the_paths(made: tuple[Workspace, RunPaths]) -> None:
    workspace, run = made
    change(run, prediction="Dog", probability=1.0)
    metrics = validate(workspace, run, LABELS, 0.0)
    assert metrics.known_labels == 5
    assert metrics.accuracy == pytest.approx(2 / 5)
    assert metrics.accuracy_by_split == {"train": pytest.approx(1 / 3), "validation": pytest.approx(1 / 2)}
    counts = {(cell.label, cell.prediction): cell.count for cell in metrics.confusion}
    assert counts == {("Cat", "Cat"): 2, ("Cat", "Dog"): 1, ("Dog", "Cat"): 2, ("Dog", "Dog"): 0}
    assert metrics.probability_histogram[19] == 1


def test_without_labels_in_the_paths_there_is_no_accuracy(tmp_path: Path) -> None:
    workspace, run = make_run(tmp_path, ["a.jpg", "b.jpg"])
    write_predictions(run, [predicted(path) for path in manifest_paths(run)])
    metrics = validate(workspace, run, LABELS, 0.0)
    assert (metrics.known_labels, metrics.accuracy, metrics.confusion) == (0, None, ())


def test_a_missing_shard(made: tuple[Workspace, RunPaths]) -> None:
    (made[1].predictions / shard_name(1)).unlink()
    assert faults_of(made) == ("shard-000001.parquet is missing",)


def test_a_damaged_shard(made: tuple[Workspace, RunPaths]) -> None:
    _, run = made
    shard = run.predictions / shard_name(0)
    shard.write_bytes(shard.read_bytes()[:-20])
    (fault,) = faults_of(made)
    assert fault.startswith(f"{shard.name} cannot be read (")


def test_an_extra_shard(made: tuple[Workspace, RunPaths]) -> None:
    write_predictions(made[1], [predicted("more.jpg")], shard=2)
    assert faults_of(made) == ("1 shard of predictions that the manifest does not contain",)


def test_a_missing_row(made: tuple[Workspace, RunPaths]) -> None:
    paths = manifest_paths(made[1])
    write_predictions(made[1], [predicted(path) for path in paths if path != paths[2]])
    (fault,) = faults_of(made)
    assert fault == f"shard-000000.parquet: 1 images of the manifest are missing, the first is {paths[2]}"


def test_a_repeated_row(made: tuple[Workspace, RunPaths]) -> None:
    paths = manifest_paths(made[1])
    write_predictions(made[1], [predicted(path) for path in [*paths, paths[1]]])
    assert faults_of(made) == (f"shard-000000.parquet: {paths[1]} occurs more than once",)


def test_another_path_and_another_order(made: tuple[Workspace, RunPaths]) -> None:
    paths = manifest_paths(made[1])
    write_predictions(made[1], [predicted(path) for path in [*paths, "other.jpg"]])
    assert "its 5 rows are not the 4 rows of the manifest" in faults_of(made)[0]
    write_predictions(made[1], [predicted(path) for path in reversed(paths)])
    assert "its 4 rows are not the 4 rows of the manifest in their order" in faults_of(made)[0]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"prediction": "Bird"}, "unknown label 'Bird'"),
        ({"prediction": None}, "unknown label None"),
        ({"probability": None}, "probability None is not between 0 and 1"),
        ({"probability": 1.5}, "probability 1.5 is not between 0 and 1"),
        ({"probability": -0.5}, "probability -0.5 is not between 0 and 1"),
        ({"probability": math.nan}, "probability nan is not between 0 and 1"),
        ({"probability": math.inf}, "probability inf is not between 0 and 1"),
        ({"status": "done"}, "unknown status 'done'"),
        ({"status": None}, "unknown status None"),
        ({**ERROR_ROW, "prediction": "Cat"}, "an error row with a prediction or without a reason"),
        ({**ERROR_ROW, "probability": 0.5}, "an error row with a prediction or without a reason"),
    ],
)
def test_a_row_with_impossible_values(changes: dict[str, Any], fault: str, made: tuple[Workspace, RunPaths]) -> None:
    change(made[1], **changes)
    assert faults_of(made, error_budget=1.0) == (f"{manifest_paths(made[1])[1]}: {fault}",)
    text = made[1].metrics.read_text()
    assert not {"NaN", "Infinity"} & set(text.replace(",", " ").split())
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} in the metrics"))


def test_a_column_of_another_type(made: tuple[Workspace, RunPaths]) -> None:
    run = made[1]
    path = run.predictions / shard_name(0)
    table = pq.read_table(path)
    pq.write_table(table.set_column(2, "probability", pa.array(["much"] * table.num_rows)), path)
    (fault,) = faults_of(made)
    assert fault.startswith("shard-000000.parquet cannot be read (")
    assert "much" in fault


def test_the_counts_are_those_of_a_loop_over_the_rows(tmp_path: Path) -> None:
    random = Random(20)
    folders = ("", "train/cats", "VAL/dogs", "test/x", "birds", "train/validation/dogs")
    workspace, run = make_run(tmp_path, [f"{random.choice(folders)}/{n}.jpg".lstrip("/") for n in range(700)])
    rows: list[dict[str, Any]] = []
    for shard in (0, 1):
        paths = manifest_paths(run, shard)
        made = [
            predicted(path, **{**ERROR_ROW, "error": random.choice(["empty", "missing", "undecodable: a: b"])})
            if random.random() < 0.2
            else predicted(path, prediction=random.choice(LABELS), probability=random.choice([0, 0.05, 0.5, 0.95, 1]))
            for path in paths
        ]
        write_predictions(run, made, shard)
        rows += made
    metrics = validate(workspace, run, LABELS, 1.0)
    good = [row for row in rows if row["status"] == "predicted"]
    known = [(label, row) for row in good if (label := label_of(row["img_path"], LABELS))]
    right = [row for label, row in known if row["prediction"] == label]
    splits = {
        split: [row for _, row in known if split_of(row["img_path"]) == split] for split in ("train", "validation")
    }
    assert (metrics.rows, metrics.predicted, metrics.known_labels) == (700, len(good), len(known))
    assert metrics.errors_by_reason == Counter(row["error"].split(":")[0] for row in rows if row["error"])
    assert metrics.predictions == Counter(row["prediction"] for row in good)
    bins = Counter(min(int(float(np.float32(row["probability"])) * 20), 19) for row in good)
    assert metrics.probability_histogram == tuple(bins[index] for index in range(20))
    assert metrics.accuracy == len(right) / len(known)
    assert metrics.accuracy_by_split == {
        split: sum(row in right for row in members) / len(members) for split, members in splits.items()
    }
    counts = Counter((label, row["prediction"]) for label, row in known)
    assert {(cell.label, cell.prediction): cell.count for cell in metrics.confusion} == counts


def test_the_first_faults_are_listed_in_row_order_and_all_are_counted(tmp_path: Path) -> None:
    workspace, run = make_run(tmp_path, [f"{number:04d}.jpg" for number in range(1000)])
    for shard in (0, 1):
        write_predictions(run, [predicted(path, prediction="Bird") for path in manifest_paths(run, shard)], shard)
    tally = Tally(LABELS, threshold=0.5)
    for shard in (0, 1):
        tally.add_shard(run, shard)
    assert tally.faults.count == 1000
    assert tally.faults.listed == [f"{number:04d}.jpg: unknown label 'Bird'" for number in range(20)]
    with pytest.raises(Invalid, match="; and 997 more"):
        validate(workspace, run, LABELS, 0.0)


def test_no_more_than_twenty_missing_shards_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_layout, "FIRST_SHARD_ROWS", 1)
    workspace, run = make_run(tmp_path, [f"{number}.jpg" for number in range(30)])
    with pytest.raises(Invalid, match=r"shard-000000\.parquet is missing; .* and 20 more"):
        validate(workspace, run, LABELS, 0.0)
    assert require_record(MetricsRecord, run.metrics).faults == tuple(
        f"{shard_name(shard)} is missing" for shard in range(20)
    )


def test_errors_above_the_budget_are_counted_by_reason(made: tuple[Workspace, RunPaths]) -> None:
    workspace, run = made
    rows = [predicted(path, **ERROR_ROW) for path in manifest_paths(run)]
    rows[0] |= {"error": "changed: the file is not the one in the manifest"}
    rows[3] = predicted(rows[3]["img_path"])
    write_predictions(run, rows)
    expected = "50.0% of the rows are errors (2 empty, 1 changed), the Param error_budget allows 40.0%"
    assert faults_of(made, error_budget=0.4) == (expected,)
    metrics = validate(workspace, run, LABELS, 0.5)
    assert metrics.errors_by_reason == {"empty": 2, "changed": 1}
    assert (metrics.verdict, metrics.errors, metrics.predicted) == (Verdict.VALID, 3, 3)


def test_many_faults_are_counted_in_the_message_and_limited_in_the_file(tmp_path: Path) -> None:
    workspace, run = make_run(tmp_path, [f"{n:02d}.jpg" for n in range(30)])
    write_predictions(run, [predicted(path, prediction="Bird") for path in manifest_paths(run)])
    with pytest.raises(Invalid, match="and 27 more; see "):
        validate(workspace, run, LABELS, 0.0)
    assert len(require_record(MetricsRecord, run.metrics).faults) == 20


def test_a_run_without_a_manifest_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(BatchPredictionsError, match="it has no manifest"):
        validate(workspace, workspace.run("r"), LABELS, 0.0)


def test_the_history_has_one_line_for_a_run(made: tuple[Workspace, RunPaths]) -> None:
    workspace, run = made
    for key, rows in (("20250101T000000Z", 1), (run.run_key, 0), ("20270101T000000Z", 2)):
        append_record(workspace.history, replace(PAST_RUN, run_key=key, rows=rows))
    write_record(run.progress, replace(PROGRESS, model="猫"))
    for seconds in (1.5, 2.25):
        append_record(run.submissions, SubmissionRecord(DUE, seconds))
    for _ in range(2):
        validate(workspace, run, LABELS, 0.0)
    before, line, after = read_records(HistoryRecord, workspace.history)
    assert (before.rows, after.rows) == (1, 2)
    assert line.run_key == run.run_key
    assert (line.rows, line.cores, line.model, line.verdict) == (6, 4, "猫", Verdict.VALID)
    assert (line.attempts, line.predict_seconds) == (2, 3.75)


def test_a_damaged_line_stays_in_the_history(made: tuple[Workspace, RunPaths]) -> None:
    workspace, run = made
    damaged = '{"run_key": "20250101T000000Z", "rows": "many"}\n'
    workspace.history.write_text(damaged)
    for _ in range(2):
        validate(workspace, run, LABELS, 0.0)
    assert workspace.history.read_text().startswith(damaged)
    assert [line.run_key for line in read_records(HistoryRecord, workspace.history)] == [run.run_key]


def test_damaged_progress_plan_and_submissions_do_not_fail_the_task(made: tuple[Workspace, RunPaths]) -> None:
    workspace, run = made
    for path in (run.progress, run.plan, run.submissions):
        path.write_text("{]\n")
    assert validate(workspace, run, LABELS, 0.0).verdict == Verdict.VALID
    (line,) = read_records(HistoryRecord, workspace.history)
    assert (line.cores, line.attempts, line.p50_seconds) == (0, 0, None)

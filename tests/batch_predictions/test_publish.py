"""A valid run is published completely and in one step."""

from __future__ import annotations

import csv
import json
import re
import threading
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from batch_predictions.publish import publish
from batch_predictions.validate import validate
from run_contract.errors import BatchPredictionsError
from run_contract.image_paths import decode_path
from run_contract.layout import RunPaths, Workspace, shard_name
from run_contract.record import require_record, write_record
from run_contract.records.metrics import MetricsRecord, Verdict
from tests.batch_predictions.example_records import METRICS, PROGRESS
from tests.helpers import LABELS, MODEL_ID, make_run, manifest_paths, predicted, write_predictions

HEADER = ["img_path", "prediction", "probability", "status", "error", "model"]
HOSTILE = [
    b"cats/1.jpg",
    b"comma, quote\" and 'apostrophe'.jpg",
    b"new\nline.jpg",
    b"carriage\rreturn.jpg",
    b"-1+2.jpg",
    b"=cmd|' !A0.jpg",
    b"back\\slash.jpg",
    b"caf\xe9.jpg",
    "猫.jpg".encode(),
]


def valid_run(root: Path, key: str, names: list[bytes]) -> tuple[Workspace, RunPaths]:
    workspace, run = make_run(root, names, key)
    write_predictions(run, [predicted(path, probability=0.1 + n / 10) for n, path in enumerate(manifest_paths(run))])
    validate(workspace, run, LABELS, 0.0)
    return workspace, run


def test_a_run_that_is_not_valid_is_not_published(tmp_path: Path) -> None:
    workspace, run = make_run(tmp_path, ["a.jpg"])
    with pytest.raises(BatchPredictionsError, match="it has no metrics; run the task validate first"):
        publish(workspace, run)
    write_record(run.metrics, replace(METRICS, verdict=Verdict.INVALID))
    with pytest.raises(BatchPredictionsError, match="its predictions are not valid, so they are not published"):
        publish(workspace, run)
    assert not workspace.published.exists()
    assert workspace.published_run() is None


def test_the_table_has_a_row_for_each_image_whatever_its_name(tmp_path: Path) -> None:
    workspace, run = valid_run(tmp_path, "20260101T000000Z", HOSTILE)
    assert publish(workspace, run) == require_record(MetricsRecord, run.metrics)
    assert workspace.published_run() == run.run_key
    content = (workspace.published / "predictions.csv").read_bytes()
    assert content.splitlines()[0].decode() == ",".join(HEADER)
    assert content.count(b"\n") == len(HOSTILE) + 1
    with open(workspace.published / "predictions.csv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == HEADER
    assert {decode_path(row[0]) for row in rows} == set(HOSTILE)
    assert [row[0] for row in rows] == manifest_paths(run)
    assert {tuple(row[index] for index in (1, 3, 4, 5)) for row in rows} == {("Cat", "predicted", "", MODEL_ID)}
    written = pq.read_table(run.predictions / shard_name(0)).column("probability").to_numpy()
    assert [np.float32(row[2]) for row in rows] == list(written)
    assert max(len(row[2]) for row in rows) <= len("0.70000005")


def test_the_table_byte_by_byte(tmp_path: Path) -> None:
    workspace, run = make_run(tmp_path, ["a, b.jpg", 'c"d.jpg', "e.jpg", "f.jpg", "g.jpg"])
    probabilities = (0.1, 1.0, 1e-7, 1 / 3, None)
    rows = [predicted(path, probability=value) for path, value in zip(manifest_paths(run), probabilities, strict=True)]
    rows[4].update(prediction=None, status="error", error='undecodable: a, b"c')
    write_predictions(run, rows)
    validate(workspace, run, LABELS, 1.0)
    publish(workspace, run)
    assert run.predictions_csv.read_text(encoding="utf-8").splitlines() == [
        ",".join(HEADER),
        f'"a, b.jpg",Cat,0.1,predicted,,{MODEL_ID}',
        f'"c""d.jpg",Cat,1,predicted,,{MODEL_ID}',
        f"e.jpg,Cat,1e-7,predicted,,{MODEL_ID}",
        f"f.jpg,Cat,0.33333334,predicted,,{MODEL_ID}",
        f'g.jpg,,,error,"undecodable: a, b""c",{MODEL_ID}',
    ]


def test_an_error_row_is_in_the_table_too(tmp_path: Path) -> None:
    workspace, run = make_run(tmp_path, ["a.jpg", "b.jpg"])
    bad = predicted("b.jpg", prediction=None, probability=None, status="error", error='undecodable: a, b"c')
    write_predictions(run, [predicted("a.jpg"), bad])
    validate(workspace, run, LABELS, 1.0)
    publish(workspace, run)
    with open(run.predictions_csv, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[1] == {**{key: value or "" for key, value in bad.items()}}


def test_a_newer_run_replaces_the_published_one_and_an_older_run_does_not(tmp_path: Path) -> None:
    keys = ["20260102T000000Z", "20260103T000000Z", "20260101T000000Z"]
    seen = []
    for key in keys:
        workspace, run = valid_run(tmp_path, key, [b"a.jpg"])
        publish(workspace, run)
        seen.append(workspace.published_run())
        assert run.predictions_csv.exists()
        assert run.report.exists()
    assert seen == [keys[0], keys[1], keys[1]]
    assert require_record(MetricsRecord, workspace.published / "current" / "metrics.json").run_key == keys[1]


def test_a_reader_sees_one_whole_run_or_the_other(plain_path: Path) -> None:
    runs = [valid_run(plain_path, f"202601{day:02d}T000000Z", [b"a.jpg"]) for day in range(1, 7)]
    publish(*runs[0])
    workspace = runs[0][0]
    done, seen, failures = threading.Event(), set[str](), list[Exception]()

    def read() -> None:
        while not done.is_set():
            try:
                record = json.loads((workspace.published / "current" / "metrics.json").read_text())
                (workspace.published / "predictions.csv").read_text().index("a.jpg")
                seen.add(record["run_key"])
            except Exception as error:
                failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for made in runs[1:]:
            publish(*made)
    finally:
        done.set()
        reader.join()
    assert failures == []
    assert seen
    assert seen <= {run.run_key for _, run in runs}


def test_publishing_again_changes_no_byte(tmp_path: Path) -> None:
    workspace, run = valid_run(tmp_path, "20260101T000000Z", HOSTILE)
    publish(workspace, run)
    files = (run.predictions_csv, run.report, run.metrics)
    before = [path.read_bytes() for path in files]
    inode = run.predictions_csv.stat().st_ino
    publish(workspace, run)
    assert [path.read_bytes() for path in files] == before
    assert run.predictions_csv.stat().st_ino == inode
    run.predictions_csv.unlink()
    publish(workspace, run)
    assert [path.read_bytes() for path in files] == before
    assert sorted(path.name for path in workspace.published.iterdir()) == ["current", "predictions.csv"]


def predict_again(run: RunPaths) -> None:
    """Replace the rows by those of another model."""
    write_predictions(run, [predicted(path, prediction="Dog", model="new@1") for path in manifest_paths(run)])


def rows_of(workspace: Workspace) -> list[dict[str, str]]:
    with open(workspace.published / "predictions.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_after_another_prediction_the_table_has_the_new_rows_like_its_metrics_and_report(tmp_path: Path) -> None:
    workspace, run = valid_run(tmp_path, "20260101T000000Z", [b"a.jpg", b"b.jpg"])
    publish(workspace, run)
    report = run.report.read_bytes()
    predict_again(run)
    metrics = validate(workspace, run, LABELS, 0.0)
    publish(workspace, run)
    assert {(row["prediction"], row["model"]) for row in rows_of(workspace)} == {("Dog", "new@1")}
    assert metrics.predictions == {"Cat": 0, "Dog": 2}
    assert run.report.read_bytes() != report


def test_predictions_that_changed_after_they_were_validated_are_not_published(tmp_path: Path) -> None:
    workspace, run = valid_run(tmp_path, "20260101T000000Z", [b"a.jpg", b"b.jpg"])
    publish(workspace, run)
    files = (run.predictions_csv, run.report, run.metrics)
    before = [path.read_bytes() for path in files]
    predict_again(run)
    with pytest.raises(BatchPredictionsError, match="its predictions changed after they were validated"):
        publish(workspace, run)
    assert [path.read_bytes() for path in files] == before


def test_metrics_of_an_earlier_release_have_to_be_made_again(tmp_path: Path) -> None:
    workspace, run = valid_run(tmp_path, "20260101T000000Z", [b"a.jpg"])
    write_record(run.metrics, replace(require_record(MetricsRecord, run.metrics), shards_sha256=""))
    with pytest.raises(BatchPredictionsError, match="run the task validate again"):
        publish(workspace, run)
    validate(workspace, run, LABELS, 0.0)
    publish(workspace, run)


@pytest.mark.parametrize("content", [None, "{"])
def test_a_table_of_which_nobody_can_say_what_it_was_made_from_is_made_again(
    content: str | None, tmp_path: Path
) -> None:
    workspace, run = valid_run(tmp_path, "20260101T000000Z", [b"a.jpg"])
    publish(workspace, run)
    table = run.predictions_csv.read_bytes()
    run.predictions_csv.write_text("the rows of another model")
    run.table.unlink() if content is None else run.table.write_text(content)
    publish(workspace, run)
    assert run.predictions_csv.read_bytes() == table


def test_a_publish_that_was_killed_after_the_table_makes_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of the table before must not vouch for the one that was half replaced."""
    workspace, run = valid_run(tmp_path, "20260101T000000Z", [b"a.jpg"])
    publish(workspace, run)
    first = (run.predictions / shard_name(0)).read_bytes()
    predict_again(run)
    validate(workspace, run, LABELS, 0.0)
    with monkeypatch.context() as patch:
        patch.setattr("batch_predictions.publish.write_record", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            publish(workspace, run)
    (run.predictions / shard_name(0)).write_bytes(first)
    validate(workspace, run, LABELS, 0.0)
    publish(workspace, run)
    assert {row["prediction"] for row in rows_of(workspace)} == {"Cat"}


def test_a_run_is_published_even_if_its_report_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("probability_histogram")

    monkeypatch.setattr("batch_predictions.publish.write_report", broken)
    workspace, run = valid_run(tmp_path, "20260101T000000Z", [b"a.jpg"])
    publish(workspace, run)
    assert workspace.published_run() == run.run_key
    assert "published without a report" in caplog.text


def test_the_report_is_one_page_by_itself_and_escapes_what_it_shows(tmp_path: Path) -> None:
    workspace, run = valid_run(tmp_path, "20260101T000000Z", [b"cats/1.jpg", b"dogs/1.jpg"])
    attack = "<script>alert(1)</script><img src='http://evil.example/x'>"
    write_record(run.metrics, replace(require_record(MetricsRecord, run.metrics), source=attack))
    write_record(run.progress, replace(PROGRESS, model=attack))
    publish(workspace, run)
    page = run.report.read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "<link" not in page
    assert re.findall(r"url\(|@import", page) == []
    addresses = re.findall(r"""(?:src|srcset|href)="([^"]*)\"""", page)
    plots = [b64decode(address.removeprefix("data:image/svg+xml;base64,")) for address in addresses]
    assert len(plots) == 2 * len(re.findall("<figure", page)) > 0
    assert all(plot.startswith(b"<svg") and b"<script" not in plot for plot in plots)
    assert "Confusion matrix" in page

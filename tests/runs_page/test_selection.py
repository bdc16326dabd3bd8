"""From an address to the rows of one page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batch_predictions import gallery as gallery_module
from batch_predictions.validate import validate
from runs_page.selection import PAGE_ROWS, Filters, GalleryFile, GalleryPage
from tests.helpers import LABELS, make_run, manifest_paths, predicted, write_predictions
from tests.integration.commands import project_path


def opened(root: Path, count: int = 240) -> GalleryFile:
    """A gallery of `count` rows: a third each of cats, dogs and unknown labels; every tenth row is an error."""
    folders = ("cats", "dogs", "birds")
    workspace, run = make_run(root, [f"{folders[number % 3]}/{number:04d}.jpg" for number in range(count)])
    rows = []
    for number, path in enumerate(manifest_paths(run)):
        probability = (number % 97) / 97
        row = predicted(path, prediction="Dog" if probability > 0.5 else "Cat", probability=probability)
        if number % 10 == 0:
            error = "empty: zero bytes" if number % 30 else "empty"
            row |= {"prediction": None, "probability": None, "status": "error"}
            row["error"] = error if number % 40 else "undecodable: empty"
        rows.append(row)
    write_predictions(run, rows)
    validate(workspace, run, LABELS, 1.0)
    return GalleryFile(run.gallery)


def everything(gallery: GalleryFile, **query: str) -> list[dict[str, Any]]:
    """The rows of all pages."""
    first = gallery.show(Filters.of(query))
    pages = [gallery.show(Filters.of({**query, "page": str(page)})) for page in range(1, first.pages + 1)]
    rows = [row for page in pages for row in page.rows]
    assert len(rows) == first.found
    return rows


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> GalleryFile:
    return opened(tmp_path_factory.mktemp("gallery"))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"label": "Cat"}, lambda row: row["label"] == "Cat"),
        ({"prediction": "Dog"}, lambda row: row["prediction"] == "Dog"),
        ({"status": "error"}, lambda row: row["status"] == "error"),
        ({"status": "predicted"}, lambda row: row["status"] == "predicted"),
        ({"status": "empty"}, lambda row: (row["error"] or "").split(":")[0] == "empty"),
        ({"status": "undecodable"}, lambda row: (row["error"] or "").startswith("undecodable")),
        ({"right": "wrong"}, lambda row: row["right"] is False),
        ({"right": "right"}, lambda row: row["right"] is True),
        ({"right": "unknown"}, lambda row: row["right"] is None and row["status"] == "predicted"),
        ({"min": "60", "max": "80"}, lambda row: row["confidence"] is not None and 0.6 <= row["confidence"] < 0.8),
        ({"min": "90"}, lambda row: row["confidence"] is not None and row["confidence"] >= 0.9),
        (
            {"right": "wrong", "prediction": "Cat", "max": "70"},
            lambda row: row["right"] is False and row["prediction"] == "Cat" and row["confidence"] < 0.7,
        ),
        ({"prediction": "Bird"}, lambda row: False),
        ({"status": "emp"}, lambda row: False),
    ],
)
def test_each_filter_accepts_the_rows_that_match(query: dict[str, str], wanted: Any, gallery: GalleryFile) -> None:
    rows = everything(gallery, **query)
    expected = [row for row in everything(gallery) if wanted(row)]
    assert rows == expected
    assert bool(expected) == (query not in ({"prediction": "Bird"}, {"status": "emp"}))
    assert gallery.show(Filters.of(query)).total == len(expected)


def test_unknown_values_in_the_address_are_ignored() -> None:
    assert Filters.of({}) == Filters()
    odd = {"right": "maybe", "min": "15", "max": "١٠", "page": "-1"}
    assert Filters.of(odd) == Filters()
    assert Filters.of({"min": "9" * 5000, "page": "0"}) == Filters()


def test_the_address_of_another_page_keeps_the_filters() -> None:
    filters = Filters.of({"label": "a&b=c\"'<", "right": "wrong", "max": "60", "page": "3"})
    assert filters.query() == "?label=a%26b%3Dc%22%27%3C&right=wrong&max=60&page=3"
    assert filters.query(page=1) == "?label=a%26b%3Dc%22%27%3C&right=wrong&max=60"
    assert Filters().query() == "?"


def test_pages(gallery: GalleryFile) -> None:
    pages = [gallery.show(Filters(page=page)) for page in range(1, 7)]
    assert [len(page.rows) for page in pages] == [PAGE_ROWS] * 5 + [PAGE_ROWS]
    assert (pages[4].page, pages[5].page) == (5, 5)  # beyond the last there is the last
    assert pages[4] == pages[5]
    assert gallery.show(Filters(prediction="Bird")) == GalleryPage([], 0, 0, 1, 1)


def test_the_gallery_of_a_large_run_counts_all_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = opened(tmp_path / "whole", 500)
    assert whole.is_whole
    monkeypatch.setattr(gallery_module, "LIMIT", 60)
    gallery = opened(tmp_path / "chosen", 500)
    assert not gallery.is_whole
    queries: list[dict[str, str]] = [{}, {"right": "wrong"}, {"status": "empty"}, {"status": "error"}]
    queries += [{"prediction": "Dog", "min": "50", "max": "90"}, {"right": "unknown"}, {"status": "predicted"}]
    for query in queries:
        shown = gallery.show(Filters.of(query))
        assert 0 < shown.found < (shown.total or 0)
        assert shown.total == whole.show(Filters.of(query)).found
    assert gallery.show(Filters(label="Cat")).total is None
    assert (gallery.labels(), gallery.predictions()) == (["Cat", "Dog"], ["Cat", "Dog"])
    assert gallery.reasons() == ["empty", "undecodable"]


def test_neither_the_page_nor_a_thumbnail_imports_pandas(tmp_path: Path) -> None:
    """The import takes a second, in the process that serves all of Airflow's pages."""
    opened(tmp_path)
    program = """
import sys
from pathlib import Path
from run_contract.layout import Workspace
from runs_page.selection import Filters, GalleryFile
from runs_page.thumbnail import predicted_row
(root,) = Path(sys.argv[1]).iterdir()
run = Workspace(root.parents[1]).run(root.name)
query = {"label": "Cat", "prediction": "Dog", "status": "predicted", "right": "wrong", "min": "50", "max": "90"}
assert GalleryFile(run.gallery).show(Filters.of(query)).found
predicted_row(run, 0, 1)
sys.exit("pandas" in sys.modules)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "workspace" / "runs")]
    subprocess.run(command, env=project_path(), check=True)

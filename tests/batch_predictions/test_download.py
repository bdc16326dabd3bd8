"""A source becomes a dataset in the workspace, or an error that names what is wrong with it."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from batch_predictions.download import download
from batch_predictions.source import check_source, is_url, local_path
from run_contract.errors import BatchPredictionsError
from run_contract.layout import Workspace
from run_contract.record import read_record
from run_contract.records.dataset import DatasetRecord
from tests.batch_predictions.misbehaving_server import reply, resource, serve


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "photos of cats.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("cats/1.jpg", b"a cat")
    return path


def is_extracted(dataset: DatasetRecord, workspace: Workspace) -> bool:
    root = Path(dataset.root)
    return root == workspace.datasets / dataset.content_id and (root / "cats" / "1.jpg").read_bytes() == b"a cat"


def test_directory_is_used_in_place(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    run = workspace.run("one")
    dataset = download(workspace, run, str(tmp_path / "link"))
    assert dataset == DatasetRecord(str(tmp_path / "link"), str(tmp_path / "real"), f"directory:{tmp_path / 'real'}")
    assert read_record(DatasetRecord, run.dataset) == dataset
    assert not workspace.datasets.exists()


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_archive_by_path(workspace: Workspace, archive: Path, prefix: str) -> None:
    source = prefix + (archive.as_uri().removeprefix("file://") if prefix else str(archive))
    dataset = download(workspace, workspace.run("one"), source)
    assert dataset.source == source
    assert is_extracted(dataset, workspace)
    assert archive.exists()


def test_archive_by_url(workspace: Workspace, archive: Path) -> None:
    run = workspace.run("one")
    with serve(resource(archive.read_bytes())) as server:
        dataset = download(workspace, run, server.url)
    assert dataset.source == server.url
    assert is_extracted(dataset, workspace)
    assert read_record(DatasetRecord, run.dataset) == dataset


def test_same_content_is_extracted_once(tmp_path: Path, workspace: Workspace, archive: Path) -> None:
    first = download(workspace, workspace.run("one"), str(archive))
    before = os.stat(first.root).st_ino
    copy = shutil.copy(archive, tmp_path / "copy.zip")
    with serve(resource(archive.read_bytes(), '"one"')) as server:
        others = [download(workspace, workspace.run("two"), source) for source in (str(copy), server.url, server.url)]
    assert {other.root for other in others} == {first.root}
    assert {other.content_id for other in others} == {first.content_id}
    assert os.stat(first.root).st_ino == before
    assert os.listdir(workspace.datasets) == [first.content_id]
    assert server.statuses == [200, 304]


def test_other_content_is_another_dataset(workspace: Workspace, archive: Path) -> None:
    first = download(workspace, workspace.run("one"), str(archive))
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("cats/2.jpg", b"another")
    second = download(workspace, workspace.run("two"), str(archive))
    assert first.content_id != second.content_id
    assert not (Path(first.root) / "cats" / "2.jpg").exists()
    assert (Path(second.root) / "cats" / "2.jpg").exists()


def test_the_leftover_of_a_killed_extraction_is_removed(workspace: Workspace, archive: Path) -> None:
    (workspace.datasets / ".abc.123.part" / "cats").mkdir(parents=True)
    dataset = download(workspace, workspace.run("one"), str(archive))
    assert os.listdir(workspace.datasets) == [dataset.content_id]


def test_page_instead_of_an_archive(workspace: Workspace) -> None:
    run = workspace.run("one")
    with (
        serve(reply(200, b"<!DOCTYPE html><title>Sign in</title>")) as server,
        pytest.raises(BatchPredictionsError, match=f"^source {server.url}: not a zip archive"),
    ):
        download(workspace, run, server.url)
    assert read_record(DatasetRecord, run.dataset) is None
    assert not list(workspace.datasets.glob("*"))


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("ftp://host/a.zip", "unsupported scheme 'ftp'; use http, https, file or a path"),
        ("s3://bucket/a.zip", "unsupported scheme 's3'"),
        ("http:///a.zip", "the URL has no host"),
        ("http://host:port/a.zip", "not a valid URL"),
        ("http://[host/a.zip", "not a valid URL"),
        ("photos", "a relative path"),
        ("./photos", "a relative path"),
        ("file://photos", "a relative path"),
        ("/no/such/photos", "no such file or directory"),
        ("file:///no/such/photos", "no such file or directory"),
    ],
)
def test_source_that_cannot_work(workspace: Workspace, source: str, cause: str) -> None:
    with pytest.raises(BatchPredictionsError) as caught:
        download(workspace, workspace.run("one"), source)
    assert str(caught.value).startswith("source")
    assert cause in str(caught.value)
    assert not workspace.root.exists()


def test_file_that_is_no_archive(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(BatchPredictionsError, match=r"photo\.jpg: not a zip archive"):
        download(workspace, workspace.run("one"), str(tmp_path / "photo.jpg"))


@pytest.mark.parametrize("source", ["http://host/a.zip", "https://host:8443/a", "HTTP://host/a.zip"])
def test_url_needs_no_look_at_the_disk(source: str) -> None:
    check_source(source)
    assert is_url(source)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("/data/a%20b.zip", "/data/a%20b.zip"),
        ("file:///data/a%20b.zip", "/data/a b.zip"),
        ("/data/a#b?c.zip", "/data/a#b?c.zip"),
    ],
)
def test_local_path(source: str, path: str) -> None:
    assert local_path(source) == Path(path)
    assert not is_url(source)

"""The gallery's routes, without Airflow's login and database; tests/ui uses those."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import pytest

from batch_predictions.manifest import build_manifest
from batch_predictions.validate import validate
from run_contract.layout import Workspace
from run_contract.record import write_record
from run_contract.records.dataset import DatasetRecord
from tests.helpers import LABELS, draw, make_run, manifest_paths, predicted, write_predictions

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

RUN_KEY = "20260101T000000Z"
RUN = f"/dags/batch_predictions/runs/{RUN_KEY}"
DOTS = ["..", "../..", "....//", "%2e%2e", "%2e%2e%2f", "..%2f", "%252e%252e%252f", "..%5c", "..\\", "%c0%ae%c0%ae/"]
TARGETS = ["secret.jpg", "etc/passwd"]
TRAVERSALS = [
    *(f"{RUN}/images/{dots}/{target}" for dots in DOTS for target in TARGETS),
    *(f"{RUN}/images/0/{dots}/{target}" for dots in DOTS for target in TARGETS),
    f"{RUN}/images/0/-1",
    f"{RUN}/images/-1/0",
    f"{RUN}/images/0/0.0",
    f"{RUN}/images/0/1e0",
    f"{RUN}/images/0x0/0",
    f"{RUN}/images/0/0%00",
    f"{RUN}/images/0/%20",
    f"{RUN}/images/0/0%0a",
    f"{RUN}/images/{'9' * 5000}/0",
    f"{RUN}/images/0/{quote('٠')}",
    f"{RUN}/images/0/{quote('../../../../../../../etc/passwd', safe='')}",
    f"{RUN}/images//etc/passwd",
    f"{RUN}/images/0/0/../../../../secret.jpg",
    f"{RUN}/images/0/0;/../secret.jpg",
]
HOSTILE = ("<script>alert(1)</script>.jpg", '" onerror="alert(1).jpg', "'><img src=x onerror=alert(1)>.jpg")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    from fastapi import HTTPException
    from fastapi.testclient import TestClient

    from runs_page import access
    from runs_page.app import app

    def find_run(dag_id: str, run_id: str) -> access.RunRef:
        if run_id != RUN_KEY:
            raise HTTPException(404)
        workspace = Workspace(tmp_path / "workspace")
        return access.RunRef(dag_id, run_id, "success", workspace.run(run_id), workspace)

    app.dependency_overrides[access.find_run] = find_run
    app.dependency_overrides[access.ACCESS[0].dependency] = lambda: None
    yield TestClient(app, raise_server_exceptions=False)
    app.dependency_overrides.clear()


@pytest.fixture
def validated(tmp_path: Path) -> Workspace:
    """A run of five real images, one of them predicted wrongly, and two errors; next to the dataset a secret file."""
    names = ["cats/a.png", "cats/b.png", "dogs/c.png", "d.png", "\u202egpj.png", "dogs/broken.png", "hung.png"]
    workspace, run = make_run(tmp_path, names)
    for name in names:
        draw(tmp_path / "images" / name)
    draw(tmp_path / "secret.jpg")
    dataset = DatasetRecord("images", str(tmp_path / "images"), "test")
    write_record(run.dataset, dataset)
    run.manifest_summary.unlink()  # the images have other sizes than before
    build_manifest(run, dataset, LABELS)
    rows = [predicted(path) for path in manifest_paths(run)]
    for row in rows:
        if row["img_path"] in ("dogs/broken.png", "hung.png"):
            row.update(prediction=None, probability=None, status="error", error="undecodable: <b>bad</b> & cut")
    write_predictions(run, rows)
    validate(workspace, run, LABELS, 1.0)
    return workspace


def row_of(workspace: Workspace, img_path: str) -> int:
    return manifest_paths(workspace.run(RUN_KEY)).index(img_path)


def test_an_image_is_a_small_jpeg_and_nothing_else(client: TestClient, validated: Workspace) -> None:
    answer = client.get(f"{RUN}/images/0/{row_of(validated, 'cats/a.png')}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.content.startswith(b"\xff\xd8")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["cache-control"].startswith("private")
    again = client.get(str(answer.url), headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["dogs/broken.png", "hung.png", "cats/b.png"])
def test_an_error_row_and_a_removed_file_have_no_thumbnail(
    path: str, client: TestClient, validated: Workspace, tmp_path: Path
) -> None:
    address = f"{RUN}/images/0/{row_of(validated, path)}"
    if path == "cats/b.png":
        assert client.get(address).status_code == 200
        (tmp_path / "images" / path).unlink()
    answer = client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert answer.headers["cache-control"] == "no-store"


def test_no_address_leads_to_another_file(client: TestClient, validated: Workspace) -> None:
    assert len(TRAVERSALS) >= 50
    for address in TRAVERSALS:
        answer = client.get(address, follow_redirects=False)
        assert answer.status_code == 404, address
        assert not answer.headers["content-type"].startswith("image/")
        assert "root:" not in answer.text


def test_the_tiles(client: TestClient, validated: Workspace) -> None:
    text = client.get(f"{RUN}/gallery").text
    assert "wrong, label Dog" in text
    assert "undecodable: &lt;b&gt;bad&lt;/b&gt; &amp; cut" in text
    assert text.count("<img ") == 5
    assert "\u202e" not in text
    assert r"\u202egpj.png" in text
    places = [text.index(name) for name in ("c.png</bdi>", "broken.png</bdi>", "a.png</bdi>")]
    assert places == sorted(places)  # wrong, error, right
    only = client.get(f"{RUN}/gallery?right=wrong").text
    assert (only.count("<img "), "c.png" in only) == (1, True)


def test_values_from_the_address_are_shown_as_text_or_not_at_all(client: TestClient, validated: Workspace) -> None:
    names = ("label", "prediction", "status", "right", "min", "max", "page")
    for name, value in product(names, HOSTILE):
        answer = client.get(f"{RUN}/gallery", params={name: value})
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "onerror=" not in unquote(answer.text)


def test_before_and_without_a_gallery_the_page_explains_why(client: TestClient, validated: Workspace) -> None:
    run = validated.run(RUN_KEY)
    run.gallery.write_bytes(b"PAR1 and then nothing")
    assert "cannot be read" in client.get(f"{RUN}/gallery").text
    run.gallery.unlink()
    assert "An older release validated this run" in client.get(f"{RUN}/gallery").text
    run.metrics.unlink()
    answer = client.get(f"{RUN}/gallery")
    assert "when all images are predicted" in answer.text
    assert answer.status_code == 200

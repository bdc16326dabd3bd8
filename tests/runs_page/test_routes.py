"""The routes: who gets what, with which headers. The real login and Airflow's database are in tests/ui."""

from __future__ import annotations

import asyncio
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.routing import APIRoute

from run_contract.layout import run_key
from run_contract.records.predict import ProgressSample
from runs_page.run_data import TASKS, TaskState
from tests.runs_page.example_runs import NOW, make_finished, make_progress, workspace_of

DAG = "/dags/batch_predictions"
Get = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def app() -> FastAPI:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Airflow's own imports
        from runs_page.app import app
    return app


def ask(app: FastAPI, path: str, **headers: str) -> httpx.Response:
    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    with ThreadPoolExecutor(1) as pool:  # in this thread a browser may have a loop of its own
        return pool.submit(lambda: asyncio.run(get())).result()


@pytest.fixture
def get(app: FastAPI, tmp_path: Path) -> Iterator[Get]:
    """Send requests as a logged-in user; Airflow has one run, `known`."""
    from runs_page import access

    run_data = make_finished(tmp_path)

    def find_run(dag_id: str, run_id: str) -> access.RunRef:
        if run_id != "known":
            raise HTTPException(404)
        return access.RunRef(dag_id, run_id, "success", run_data.paths, workspace_of(run_data.paths))

    app.dependency_overrides = {
        access.ACCESS[0].dependency: lambda: None,
        access.find_workspace: lambda: workspace_of(run_data.paths),
        access.find_run: find_run,
        access.find_tasks: lambda: {name: TaskState(name, "success", NOW, NOW) for name in TASKS},
        access.find_run_ids: lambda: {run_data.paths.run_key: "known"},
    }
    yield lambda path, **headers: ask(app, path, **headers)
    app.dependency_overrides = {}


def routes(app: FastAPI) -> list[str]:
    """Every address, with values for its parameters."""
    values = {"dag_id": "batch_predictions", "run_id": "known", "name": "burn_up", "shard": "0", "row": "0"}
    paths = [route.path for route in app.routes if isinstance(route, APIRoute)]
    return [re.sub(r"\{(\w+)(:\w+)?\}", lambda gap: values[gap[1]], path) for path in paths]


def test_every_route_asks_for_the_login(app: FastAPI) -> None:
    found = routes(app)
    assert len(found) >= 6
    assert {path: ask(app, path).status_code for path in found} == dict.fromkeys(found, 401)
    assert {type(route) for route in app.routes} == {APIRoute}  # nothing is mounted beside them


def test_pages_and_plots_have_their_headers(get: Get) -> None:
    for path, kind in (
        (f"{DAG}/runs/known", "text/html"),
        (f"{DAG}/runs/known/figures", "text/html"),
        (f"{DAG}/runs/known/plots/burn_up.svg?theme=dark&size=narrow", "image/svg+xml"),
        (f"{DAG}/history", "text/html"),
        (f"{DAG}/plots/durations.svg", "image/svg+xml"),
        (f"{DAG}/static/style.css", "text/css"),
        (f"{DAG}/static/page.js", "text/javascript"),
    ):
        answer = get(path)
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, kind), path
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"].startswith("private")


def test_a_page_has_nothing_inline_and_loads_nothing_from_elsewhere(get: Get) -> None:
    for path in (f"{DAG}/runs/known", f"{DAG}/history"):
        page = get(path).text
        assert re.findall(r"<script(?! src=)|<style|\sstyle=|\son\w+=|javascript:", page) == []
        addresses = re.findall(r'(?:src|href|data-plot|data-from)="([^"]*)"', page)
        assert [address for address in addresses if not re.match(r"/dags/batch_predictions/|#|data:,", address)] == []


def test_unchanged_figures_are_not_sent_again(get: Get) -> None:
    first = get(f"{DAG}/runs/known/figures")
    assert get(f"{DAG}/runs/known/figures", if_none_match=first.headers["etag"]).status_code == 304
    assert get(f"{DAG}/runs/known/figures", if_none_match='"other"').status_code == 200


def test_the_page_links_each_plot_in_a_version_that_can_be_fetched(get: Get) -> None:
    page = get(f"{DAG}/runs/known").text
    plots = re.findall(r'data-plot="([^"]+)"', page)
    assert len(plots) == 7
    for address in plots:
        assert get(f"{address}&theme=light&size=wide").text.startswith("<svg")
    assert len(re.findall(r"<img alt=\"[^\"]{20,}\"", page)) == 7


@pytest.mark.parametrize(
    "path",
    [
        "/dags/other/history",
        "/dags/other/static/style.css",
        f"{DAG}/runs/unknown",
        f"{DAG}/runs/unknown/plots/burn_up.svg",
        f"{DAG}/runs/known/plots/none.svg",
        f"{DAG}/plots/confusion.svg",
        f"{DAG}/static/app.py",
        "/openapi.json",
        "/docs",
        "/",
    ],
)
def test_an_unknown_address_gives_a_404_page(path: str, get: Get) -> None:
    answer = get(path)
    assert answer.status_code == 404
    assert "Page not found" in answer.text
    assert "content-security-policy" in answer.headers


def test_a_plot_that_cannot_be_drawn_is_404(get: Get, app: FastAPI) -> None:
    from runs_page import access

    run = app.dependency_overrides[access.find_workspace]().run(run_key(NOW))
    make_progress(run, samples=(ProgressSample(1e300, 5, 4),))
    answer = get(f"{DAG}/runs/known/plots/burn_up.svg")
    assert (answer.status_code, "There is nothing to draw." in answer.text) == (404, True)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """The files that are opened from now on."""
    paths: list[str] = []
    listening = True

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if listening and event in ("open", "os.listdir", "os.scandir"):
            paths.append(str(arguments[0]))

    sys.addaudithook(hear)
    yield paths
    listening = False


def test_the_page_of_a_million_rows_opens_no_shard(get: Get, app: FastAPI, opened: Any) -> None:
    from runs_page import access

    root = next((app.dependency_overrides[access.find_workspace]().root / "runs").iterdir())
    for name in ("predictions", "manifest"):
        (root / name).mkdir()
        for shard in range(250):
            (root / name / f"shard-{shard:06d}.parquet").write_bytes(b"")
    opened.clear()
    for path in (
        f"{DAG}/runs/known",
        f"{DAG}/runs/known/figures",
        f"{DAG}/runs/known/plots/classes.svg",
        f"{DAG}/history",
    ):
        assert get(path).status_code == 200
    of_the_run = {Path(path).name for path in opened if str(root) in path}
    assert "metrics.json" in of_the_run
    assert of_the_run <= {"plan.json", "progress.json", "metrics.json", "failure.json", "alerts.jsonl"}


STEPS = ("..", "%2e%2e", "..%2f..", "%2e%2e%2f%2e%2e", "..%5c..", "....//", "..%00", "%252e%252e%252f", "/", "~")
TARGETS = ("etc/passwd", "app.py", "style.css%00.svg", "metrics.json", "static/../app.py")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("target", TARGETS)
def test_no_address_leads_to_other_files(step: str, target: str, get: Get) -> None:
    for place in (f"{DAG}/static", f"{DAG}/runs", f"{DAG}/runs/known/plots", f"{DAG}/plots"):
        assert get(f"{place}/{step}/{target}").status_code == 404
        assert get(f"{place}/{step}%2f{target.replace('/', '%2f')}").status_code == 404


def test_hostile_text_in_a_record_is_only_text(get: Get, app: FastAPI) -> None:
    from runs_page import access

    run_data: Any = app.dependency_overrides[access.find_workspace]()
    run = next((run_data.root / "runs").iterdir())
    attack = "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>"
    for name in ("metrics.json", "progress.json"):
        text = (run / name).read_text()
        (run / name).write_text(re.sub(r'"(/data/birds|birds@\w+|undecodable|Dog)"', lambda _: _quoted(attack), text))
    page = get(f"{DAG}/runs/known").text
    assert "&lt;script&gt;alert(1)" in page
    assert re.findall(r"<script(?! src=)|<img src=x", page) == []


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'

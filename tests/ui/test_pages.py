"""A person watches a run in the web UI, on the real API server with the real login."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import RunningStack
from tests.integration.commands import wait_until

pytestmark = pytest.mark.slow

DAG = "/batch-predictions/dags/batch_predictions"
PATIENCE_MS = 240_000


@pytest.fixture
def faults(page: Page) -> Iterator[list[str]]:
    """What the browser reports as an error; a test that ends with any has failed."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(("http://127.0.0.1", "data:", "blob:"))
            else found.append(request.url))  # fmt: skip
    yield found
    assert found == []


@pytest.fixture(scope="module")
def run_id(stack: RunningStack) -> str:
    """A run that is published."""
    return stack.published_run().run_id


def page_of(run_id: str) -> str:
    return f"{DAG}/runs/{quote(run_id, safe='')}"


@pytest.mark.usefixtures("faults")
def test_a_person_triggers_a_run_and_watches_it_until_its_result(page: Page, stack: RunningStack) -> None:
    stack.api.unpause()
    known = {run.run_id for run in stack.api.runs()}
    page.set_default_timeout(PATIENCE_MS)
    page.goto("/dags/batch_predictions")
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True).click()

    def started() -> list[str]:
        return [run.run_id for run in stack.api.runs() if run.run_id not in known and run.conf]

    wait_until(started, "the form has started a run")
    page.goto(f"/dags/batch_predictions/runs/{started()[0]}")
    page.get_by_role("link", name="Predictions", exact=True).click()
    frame = page.frame_locator("iframe[title=Predictions]")
    seen: list[str] = []

    def published() -> bool:
        seen.append(frame.locator("h1").inner_text())
        return seen[-1].startswith("Published")

    wait_until(published, "the page shows that the run is published")
    assert len(set(seen)) > 2, "the page has not refreshed by itself"
    assert "92 images, 4 with an error" in seen[-1]
    for title in ("Images over time", "Class balance", "Confidence", "Confusion matrix", "Error reasons"):
        plot = frame.get_by_role("img", name=re.compile(f"^{title}: "))
        expect(plot).to_be_visible()
        wait_until(lambda shown=plot: shown.evaluate("image => image.naturalWidth > 0"), f"{title} is drawn")  # type: ignore[misc]
    frame.get_by_role("link", name="History").click()
    expect(frame.get_by_role("table").get_by_role("link").first).to_be_visible()


@pytest.mark.usefixtures("faults")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_pages_fit_the_screen_and_use_airflows_theme(page: Page, run_id: str, theme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    for path in (page_of(run_id), f"{DAG}/history"):
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 29, 45)"}[theme]
        addresses = page.eval_on_selector_all("img", "images => images.map(image => image.src)")
        assert all(f"theme={theme}" in address for address in addresses)
        assert {"size=narrow" in address for address in addresses} <= ({True} if width == 390 else {True, False})


@pytest.mark.usefixtures("faults")
def test_every_link_can_be_reached_with_the_keyboard(page: Page, run_id: str) -> None:
    page.goto(page_of(run_id))
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert reached == ["Skip to content", "Run", "Gallery", "History"]


def test_without_the_login_every_route_is_401(stack: RunningStack, run_id: str) -> None:
    paths = (
        page_of(run_id), f"{page_of(run_id)}/figures", f"{page_of(run_id)}/plots/burn_up.svg", f"{DAG}/history",
        f"{DAG}/plots/durations.svg", f"{DAG}/static/style.css", f"{DAG}/static/page.js",
    )  # fmt: skip
    with httpx.Client(base_url=stack.addresses.airflow_url) as client:
        assert {path: client.get(path).status_code for path in paths} == dict.fromkeys(paths, 401)
        login = client.post("/auth/token", json={"username": "admin", "password": stack.password}).json()
        client.headers["Authorization"] = f"Bearer {login['access_token']}"
        answers = {path: client.get(path).status_code for path in paths}
        del answers[f"{DAG}/plots/durations.svg"]  # a single run is no trend
        assert set(answers.values()) == {200}
        unknown = [f"{DAG}/runs/{quote(name, safe='')}" for name in ("manual__none", "../../runs", "..", "")]
        unknown += [page_of(run_id).replace("batch_predictions/runs", "other/runs")]
        assert {path: client.get(path).status_code for path in unknown} == dict.fromkeys(unknown, 404)


def test_a_page_whose_login_has_expired_asks_for_a_new_one(
    browser: Browser, stack: RunningStack, page: Page, run_id: str
) -> None:
    page.goto(page_of(run_id))
    page.context.clear_cookies()
    page.evaluate("update(document.getElementById('figures'))")
    expect(page.get_by_role("alert")).to_have_text("Your login has expired. Log in to Airflow again.")

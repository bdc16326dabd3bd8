"""A person looks at a run's images: hostile names, filters, keyboard, themes, a narrow screen."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image
from playwright.sync_api import Browser, Dialog, Page, expect

from batch_predictions.manifest import build_manifest
from batch_predictions.validate import validate
from run_contract.layout import Workspace, run_key
from run_contract.record import write_record
from run_contract.records.dataset import DatasetRecord
from tests.conftest import RunningStack
from tests.helpers import LABELS, manifest_paths, noise, predicted, write_predictions

pytestmark = pytest.mark.slow

SCRIPT = "alert(document.domain)"
HOSTILE = [
    f"<script>{SCRIPT}<!-- .png".encode(),
    f"<img src=x onerror={SCRIPT}>.png".encode(),
    f'" onerror="{SCRIPT}.png'.encode(),
    f"' onload='{SCRIPT}.png".encode(),
    f'"><svg onload={SCRIPT}>.png'.encode(),
    f"'><iframe srcdoc='{SCRIPT}'>.png".encode(),
    b"</bdi></ol><h1>owned</h1>.png".replace(b"/", "\u2215".encode()),
    b"--><style>*{display:none}</style>.png".replace(b"/", "\u2215".encode()),
    b"&lt;script&gt;&#x61;lert(1)&amp;.png",
    f"javascript:{SCRIPT}.png".encode(),
    "invoice\u202egnp.png".encode(),
    "\u2066\u2067zero\u200bwidth\ufeff.png".encode(),
    b"new\nline\r\n\ttab\x1b[31m.png",
    b"\xff\xfe not UTF-8 \xc3\x28.png",
    b"x" * 240 + b".png",
    b"%3Cscript%3E%2e%2e%2f..%00.png",
    b"{{ 7*7 }}{% raw %}${7*7}<%= 7*7 %>.png",
    b'=HYPERLINK("http:evil.example";"x").png',
    b"C:\\..\\..\\etc\\passwd.png",
    b"`$(touch owned)`; rm -rf *|& \x7f.png",
]


@dataclass(frozen=True)
class Site:
    """A run with hostile names, one wrong prediction and one error. address: of its pages."""

    address: str
    paths: list[str]


@pytest.fixture(scope="module")
def site(stack: RunningStack) -> Iterator[Site]:
    """The DAG run is real, but none of its tasks runs: their functions write its files, the test those of predict."""
    stack.api.call("PATCH", "/api/v2/dags/batch_predictions", {"is_paused": True})
    dag_run = stack.api.trigger({})
    stack.api.give_up(dag_run.run_id)
    workspace = Workspace(stack.workspace)
    run = workspace.run(run_key(dag_run.due))
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a container's own file system refuses such names
    with tempfile.TemporaryDirectory(dir=memory) as root:
        _draw(Path(root))
        dataset = DatasetRecord(source=root, root=root, content_id="hostile")
        write_record(run.dataset, dataset)
        build_manifest(run, dataset, LABELS)
        paths = manifest_paths(run)
        rows = [predicted(path, prediction="Cat", probability=0.001 * number) for number, path in enumerate(paths)]
        rows[-1].update(prediction=None, probability=None, status="error", error=f"undecodable: <b>{SCRIPT}</b>")
        write_predictions(run, rows)
        validate(workspace, run, LABELS, 1.0)
        yield Site(f"/batch-predictions/dags/batch_predictions/runs/{quote(dag_run.run_id, safe='')}", paths)


def _draw(root: Path) -> None:
    for name in (*(b"cats/" + name for name in HOSTILE), b"dogs/wrong.png", b"z/broken.png"):
        path = os.fsencode(root) + b"/" + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            Image.fromarray(noise(60, 80)).save(file, "PNG")


@pytest.fixture
def problems(page: Page, stack: RunningStack) -> list[str]:
    """What the browser reports, and each request that leaves the machine."""
    page.goto("about:blank")  # cuts off the requests of Airflow's own page, not those of the gallery
    own = (stack.addresses.airflow_url, "data:")
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))

    def dismiss(dialog: Dialog) -> None:
        found.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    # The next page cancels the images that are still loading: that is no fault.
    page.on("requestfailed", lambda one: found.append(one.url) if one.failure != "net::ERR_ABORTED" else None)
    page.on("response", lambda answer: found.append(answer.url) if answer.status >= 400 else None)
    page.on("request", lambda request: None if request.url.startswith(own) else found.append(request.url))
    return found


def test_hostile_names_are_text(page: Page, site: Site, problems: list[str]) -> None:
    assert len(HOSTILE) == 20
    page.goto(f"{site.address}/gallery")
    tiles = page.locator(".images li")
    expect(tiles).to_have_count(22)
    for tile in tiles.all():
        tile.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    shown = page.locator(".images .path").all_text_contents()
    assert sorted(shown) == sorted(
        path.replace("\u202e", r"\u202e").replace("\u2066\u2067", r"\u2066\u2067") for path in site.paths
    )
    assert page.locator("main :is(script, style, iframe, svg, h1 ~ h1)").count() == 0
    assert (
        page.evaluate(
            "[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))"
        )
        == []
    )
    images = page.locator(".images img")
    assert images.count() == 21  # the error has no image
    assert images.evaluate_all("all => all.map(image => image.naturalWidth)") == [80] * 21
    expect(page.locator(".no-image")).to_have_text(f"✕ error undecodable: <b>{SCRIPT}</b>")
    assert problems == []


def test_wrong_predictions_come_first_and_can_be_filtered(page: Page, site: Site, problems: list[str]) -> None:
    page.goto(f"{site.address}/gallery")
    first = page.locator(".images li").first
    expect(first).to_contain_text("✕ wrong, label Dog")
    expect(first).to_contain_text("dogs/wrong.png")
    page.get_by_label("Correct or wrong").select_option("wrong")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".images li")).to_have_count(1)
    expect(page.get_by_role("status")).to_contain_text("1 image.")
    page.get_by_role("link", name="Errors 1").click()
    expect(page.locator(".images li")).to_have_count(1)
    expect(page.locator(".no-image")).to_be_visible()
    assert problems == []


def test_the_gallery_with_the_keyboard_alone(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/gallery")
    reached = []
    for _ in range(16):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.name || document.activeElement.innerText.split(' ')[0]"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if reached[-1] == "Wrong":
            break
    page.keyboard.press("Enter")
    expect(page.locator(".images li")).to_have_count(1)
    for _ in range(16):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "right":
            page.keyboard.type("correct")
        if page.evaluate("document.activeElement.innerText") == "Show":
            break
    page.keyboard.press("Enter")
    expect(page.locator(".images li")).to_have_count(20)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_narrow_screen_in_both_themes(theme: str, page: Page, site: Site, problems: list[str]) -> None:
    page.add_init_script(f"localStorage.setItem('theme', '{theme}')")
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{site.address}/gallery")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    brightness = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
    assert brightness > 200 if theme == "light" else brightness < 60
    assert problems == []


def test_filters_work_without_javascript(browser: Browser, page: Page, site: Site) -> None:
    context = browser.new_context(
        java_script_enabled=False, storage_state=page.context.storage_state(), base_url=page.url
    )
    plain = context.new_page()
    plain.goto(f"{site.address}/gallery")
    plain.get_by_label("Correct or wrong").select_option("wrong")
    plain.get_by_role("button", name="Show").click()
    assert plain.locator(".images li").count() == 1
    context.close()


def test_nothing_without_login(stack: RunningStack, site: Site) -> None:
    for route in ("/gallery", "/gallery?right=wrong", "/images/0/0", "/images/0/999", "/images/9/0"):
        assert _status(stack, f"{site.address}{route}") == 401


@pytest.mark.parametrize(
    "route",
    [
        "images/0/../../../secret",
        "images/..%2f..%2f/0",
        "images/0/%2e%2e",
        "images/0/0/../../../../etc/passwd",
        "images/-1/0",
    ],
)
def test_no_address_leads_to_another_file(route: str, stack: RunningStack, site: Site) -> None:
    """Send the address byte for byte: HTTP clients normalize addresses before they send them."""
    token = stack.api._client.headers["Authorization"]
    assert _status(stack, f"{site.address}/{route}", token) == 404


def _status(stack: RunningStack, target: str, token: str = "") -> int:
    authorization = f"Authorization: {token}\r\n" if token else ""
    with socket.create_connection(("127.0.0.1", stack.addresses.airflow), timeout=30) as connection:
        connection.sendall(
            f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{authorization}Connection: close\r\n\r\n".encode()
        )
        return int(connection.makefile("rb").readline().split()[1])

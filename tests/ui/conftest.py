"""A browser that is logged in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import RunningStack
from tests.requirements import need


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    need("Chromium", chromium is not None)
    with sync_playwright() as playwright:
        # No sandbox: CI is root, and the pages are our own.
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, stack: RunningStack) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, base_url=stack.addresses.airflow_url)
    page.goto("/")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", stack.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    yield page
    page.close()

"""A person triggers the DAG from the form."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from batch_predictions.params import PARAMS
from tests.conftest import RunningStack
from tests.integration.commands import wait_until

pytestmark = pytest.mark.slow


def test_form_explains_every_param_and_starts_a_run(
    page: Page, stack: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    known = {run.run_id for run in stack.api.runs()}
    page.goto("/dags/batch_predictions")
    page.get_by_role("button", name="Trigger").first.click()
    dialog = page.get_by_role("dialog")
    for param in PARAMS.values():
        expect(dialog.get_by_text(param.schema["description"], exact=True)).to_be_visible()
    dialog.locator("input[name=element_limit]").fill("6")
    dialog.get_by_role("button", name="Trigger", exact=True).click()

    def started() -> list[str]:
        return [run.run_id for run in stack.api.runs() if run.run_id not in known and run.conf]

    wait_until(started, "the form has started a run")
    dag_run = stack.api.run(started()[0])
    assert dag_run.conf["limit"] == 6
    assert stack.wait_for_end(dag_run) == "success"
    assert stack.files_of(dag_run).report.exists()
    page.goto(f"/dags/batch_predictions/runs/{dag_run.run_id}")
    expect(page.get_by_text("watch_runtime").first).to_be_visible()
    page.screenshot(path=tmp_path_factory.getbasetemp() / "dag-run.png")

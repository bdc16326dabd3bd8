"""A damaged file of a run ends a task with one line that names the file and the next step, never with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import set_current_context

from batch_predictions import settings, tasks
from batch_predictions.fetch import Download
from batch_predictions.params import PARAMS
from run_contract.layout import RunPaths, Workspace, run_key
from run_contract.record import require_record
from run_contract.records.failure import FailureRecord
from tests.batch_predictions.example_records import DUE
from tests.batch_predictions.misbehaving_server import resource, serve

DAMAGES = ['{"rows": "many"}', "[]", '{"cut in ha', "\x00", ""]


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The context of a task of the run that is due at DUE."""
    monkeypatch.setattr(settings, "WORKSPACE", tmp_path)
    return {
        "dag_run": SimpleNamespace(logical_date=DUE, run_after=DUE, run_type="manual", start_date=DUE, conf={}),
        "params": {name: param.default for name, param in PARAMS.items()},
        "ti": SimpleNamespace(task_id="the_task"),
        "task": SimpleNamespace(outlets=[]),
        "dag": None,
    }


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    ("task", "file", "next_step"),
    [
        (tasks.manifest, "dataset.json", "remove it and run the task download again"),
        (tasks.validate, "manifest.json", "remove it and run the task manifest again"),
        (tasks.publish, "metrics.json", "remove it and run the task validate again"),
    ],
)
def test_the_task_fails_with_one_line(
    damage: str, task: Callable[[], None], file: str, next_step: str, context: Any, tmp_path: Path
) -> None:
    run = run_in(tmp_path)
    (run.root / file).write_text(damage)
    with set_current_context(context), pytest.raises(AirflowFailException) as error:
        task()
    message = str(error.value)
    assert message.startswith(f"{run.root / file}: ")
    assert message.endswith(f"; {next_step}")
    assert "\n" not in message
    assert require_record(FailureRecord, run.failure).message == message


def run_in(workspace: Path) -> RunPaths:
    run = Workspace(workspace).run(run_key(DUE))
    run.root.mkdir(parents=True)
    return run


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_download_with_damaged_validators_is_made_again(damage: str, tmp_path: Path) -> None:
    with serve(resource(b"content", '"one"')) as server:
        download = Download(server.url, tmp_path)
        download.fetch()
        download.file.with_suffix(".json").write_text(damage)
        assert download.fetch().read_bytes() == b"content"
    assert server.statuses == [200, 200]

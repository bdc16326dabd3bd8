"""The internals of Airflow that this project uses: each test names the part that an upgrade took away."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from runtime_guard.airflow import airflow_internals
from runtime_guard.airflow.airflow_internals import (
    DagRunDeadline,
    as_text,
    core_timetable,
    find_previous_dag_run,
    find_task_state,
    runs_in_process,
)
from tests.helpers import REPOSITORY

INTERNAL = (
    "airflow.api_fastapi",
    "airflow.cli",
    "airflow.jobs",
    "airflow.models",
    "airflow.sdk.execution_time",
    "airflow.serialization",
    "airflow.settings",
    "airflow.utils",
)

pytestmark = pytest.mark.filterwarnings("ignore")  # of Airflow's own imports


def airflow_imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield module and name of each import from Airflow in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "airflow":
            for alias in node.names:
                yield node.module or "", alias.name


USED = sorted(set(airflow_imports(Path(airflow_internals.__file__))))


@pytest.mark.parametrize(("module", "name"), USED)
def test_every_part_exists(module: str, name: str) -> None:
    try:
        import_module(f"{module}.{name}")
    except ModuleNotFoundError:
        assert hasattr(import_module(module), name), f"Airflow no longer has {module}.{name}"


def parameters(function: Any) -> set[str]:
    return set(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    ("module", "path", "expected"),
    [
        (
            "airflow.sdk.execution_time.task_runner",
            "RuntimeTaskInstance.get_task_states",
            {"dag_id", "task_ids", "run_ids"},
        ),
        ("airflow.models.serialized_dag", "SerializedDagModel.get_dag", {"dag_id", "session"}),
        ("airflow.api_fastapi.core_api.security", "requires_access_dag", {"method"}),
        ("airflow.utils.session", "create_session", {"scoped"}),
    ],
)
def test_every_function_takes_what_it_is_given(module: str, path: str, expected: set[str]) -> None:
    function: Any = import_module(module)
    for name in path.split("."):
        assert hasattr(function, name), f"Airflow no longer has {module}.{path}"
        function = getattr(function, name)
    assert expected <= parameters(function), f"{module}.{path} takes {sorted(parameters(function))}"


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("DagRun", ("dag_id", "run_id", "run_type", "run_after", "logical_date", "conf", "state")),
        ("TaskInstance", ("dag_id", "run_id", "task_id", "state", "start_date", "end_date")),
    ],
)
def test_every_column_exists(name: str, columns: tuple[str, ...]) -> None:
    model = getattr(import_module("airflow.models"), name)
    missing = [column for column in columns if not hasattr(model, column)]
    assert missing == [], f"airflow.models.{name} no longer has {', '.join(missing)}"


def test_the_line_from_a_task_to_airflow_exists() -> None:
    from airflow.sdk.execution_time import task_runner

    assert "SUPERVISOR_COMMS" in task_runner.__annotations__, f"{task_runner.__name__} no longer has SUPERVISOR_COMMS"


def test_the_question_for_the_previous_run_and_its_answer() -> None:
    from airflow.sdk.execution_time.comms import GetPreviousDagRun, PreviousDagRunResult

    assert {"dag_id", "logical_date"} <= set(GetPreviousDagRun.model_fields)
    assert "dag_run" in PreviousDagRunResult.model_fields


def test_the_hook_of_a_deadline_reference() -> None:
    from airflow.serialization.definitions.deadline import SerializedReferenceModels

    base = SerializedReferenceModels.SerializedBaseDeadlineReference
    for name in ("_evaluate_with", "required_kwargs"):
        assert hasattr(base, name), f"Airflow's deadline references no longer have {name}"
    assert DagRunDeadline.required_kwargs <= parameters(DagRunDeadline._evaluate_with)


def test_a_timetable_of_a_dag_file_can_be_asked_for_runs() -> None:
    from airflow.sdk import CronTriggerTimetable

    timetable = core_timetable(CronTriggerTimetable("0 0 * * *", timezone="UTC"))
    for name in ("periodic", "infer_manual_data_interval", "next_dagrun_info"):
        assert hasattr(timetable, name), f"Airflow's timetables no longer have {name}"


class Line:
    """The line from a task to Airflow: keeps the questions and gives one answer."""

    def __init__(self, **answer: Any) -> None:
        self.answer = type("Answer", (), answer)()
        self.questions: list[Any] = []

    def send(self, question: Any) -> Any:
        self.questions.append(question)
        return self.answer


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Any:
    from airflow.sdk.execution_time import task_runner

    def set_line(line: Any) -> Any:
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", line, raising=False)
        return line

    return set_line


def test_the_line_of_a_test_command(connect: Any) -> None:
    from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

    connect(Line())
    assert not runs_in_process()
    connect(InProcessSupervisorComms(supervisor=None))
    assert runs_in_process()


@pytest.mark.parametrize(
    ("answer", "state"), [({"r": {"t": "running"}}, "running"), ({"r": {"t": None}}, None), ({}, None)]
)
def test_the_state_of_a_task(answer: dict[str, Any], state: str | None, connect: Any) -> None:
    line = connect(Line(task_states=answer))
    assert find_task_state("d", "r", "t") == state
    (question,) = line.questions
    assert (question.dag_id, question.run_ids, question.task_ids) == ("d", ["r"], ["t"])


def test_the_run_before(connect: Any) -> None:
    line = connect(Line(dag_run="before"))
    due = datetime(2026, 1, 2, tzinfo=UTC)
    assert find_previous_dag_run("d", due) == "before"
    (question,) = line.questions
    assert (question.dag_id, question.logical_date) == ("d", due)


def test_a_state_is_text_or_an_enum() -> None:
    from airflow.sdk import TaskInstanceState

    assert [as_text(state) for state in (None, "queued", TaskInstanceState.RUNNING)] == [None, "queued", "running"]


def test_no_other_module_uses_internals() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}: {module}.{name}"
        for room in ("plugins", "dags", "local_stack", "drill", "benchmarks")
        for path in sorted((REPOSITORY / room).rglob("*.py"))
        if path != Path(airflow_internals.__file__)
        for module, name in airflow_imports(path)
        if module.startswith(INTERNAL)
    ]
    assert found == []

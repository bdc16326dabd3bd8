"""The documents describe what there is, and everything that they name exists."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from batch_predictions.params import PARAMS
from run_contract.layout import RunPaths
from run_contract.records.history import HistoryRecord
from run_contract.records.plan import PlanRecord
from run_contract.table import GALLERY_STRATA
from runtime_guard.alerting.alert_text import describe
from runtime_guard.alerting.levels import Level, WatchState
from runtime_guard.batch_run import ADVICE
from runtime_guard.forecast.finish import Forecast
from runtime_guard.forecast.records import Phase, WorkPlan, WorkProgress
from runtime_guard.forecast.run_status import Observation, RunStatus
from tests.helpers import REPOSITORY

README = REPOSITORY / "README.md"
LONGEST_README = 150
DOCS = sorted((REPOSITORY / "docs").rglob("*.md"))
DOCUMENTS = [*sorted(REPOSITORY.glob("*.md")), *DOCS, *sorted((REPOSITORY / "models").glob("*.md"))]
OPERATIONS, CONTRACT = REPOSITORY / "docs" / "operations.md", REPOSITORY / "docs" / "data-contract.md"
ALERTS = REPOSITORY / "docs" / "alerts-and-forecast.md"
TEXT = "\n".join(path.read_text() for path in DOCUMENTS)

PRODUCT = ("dags", "plugins", "spark_jobs", "local_stack")
FOLDERS = (*PRODUCT, "benchmarks", "cluster", "docs", "drill", "models", "notebooks", "sample", "tests")
SOURCES = [path for name in PRODUCT for path in (REPOSITORY / name).rglob("*.py")]
PACKAGES = "batch_predictions|benchmarks|drill|image_scoring|local_stack|run_contract|runs_page|runtime_guard"
STACK_OPTIONS = {"WORKSPACE", "CORES", "PYTHON"}
"""What `make run` takes beside the Params."""

INTERNAL = {f"BATCH_PREDICTIONS_{name}" for name in ("STACK", "ROLE", "VERSIONS")}
"""Environment variables that one process of the product sets for another."""

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=[str(path.relative_to(REPOSITORY)) for path in DOCUMENTS]
)


def quoted(document: Path) -> set[str]:
    """What stands between backticks, outside of blocks."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([^`\n]+)`", text))


def targets() -> set[str]:
    """The targets that `make help` lists."""
    return set(re.findall(r"^([a-z-]+):.*## ", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))


# What the product has is described.


@pytest.mark.parametrize("param", PARAMS)
def test_every_param_is_described(param: str) -> None:
    assert f"`{param.upper()}`" in TEXT


def test_every_setting_of_a_deployment_is_described() -> None:
    settings = set(re.findall(r'"(BATCH_PREDICTIONS_\w+)"', "".join(map(Path.read_text, SOURCES)))) - INTERNAL
    assert len(settings) == 4
    assert {name for name in settings if f"`{name}`" not in TEXT} == set()


def test_every_target_of_make_is_described() -> None:
    assert {"run", "up", "down", "test"} < targets()
    assert {target for target in targets() - {"help"} if f"make {target}" not in TEXT} == set()


@pytest.mark.parametrize("level", Level)
def test_every_alert_level_is_described(level: Level) -> None:
    assert f"`{level}`" in ALERTS.read_text()
    assert f"`{level}`" in CONTRACT.read_text()


def test_the_data_contract_lists_the_files_of_a_run() -> None:
    described = set(re.findall(r"`([\w./-]+)`", section(CONTRACT, "A run").partition("| File |")[2]))
    files = {getattr(RunPaths(Path("run")), name).name for name in vars(RunPaths) if is_file(name)}
    assert len(files) > 15
    assert files - described == set()


def is_file(name: str) -> bool:
    found = getattr(RunPaths(Path("run")), name)
    return isinstance(found, Path) and name not in ("staging", "manifest", "predictions")


@pytest.mark.parametrize(("record", "title"), [(PlanRecord, "Plan"), (HistoryRecord, "History")])
def test_the_data_contract_lists_the_fields_of_a_record(record: type[Any], title: str) -> None:
    described = re.findall(r"`([\w, ]+)`", section(CONTRACT, title))
    names = {name.strip() for group in described for name in group.split(",")}
    assert {field.name for field in fields(record)} - names == set()


def section(document: Path, title: str) -> str:
    """The text below a heading, to the next one of the same level."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", document.read_text(), re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


# What the documents name exists.


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= LONGEST_README


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [README]
    while waiting:
        document = waiting.pop()
        reached.add(document)
        linked = ((document.parent / link).resolve() for link, _ in links_of(document))
        waiting += [path for path in linked if path.suffix == ".md" and path.exists() and path not in reached]
    assert {str(path) for path in DOCUMENTS} - {str(path) for path in reached} == set()


def links_of(document: Path) -> list[tuple[str, str]]:
    """Path and anchor of each link that leads to a file or a heading of the repository."""
    links = re.findall(r"\]\(([^)#\s]*)(?:#([\w-]+))?\)", document.read_text())
    return [(path or document.name, anchor) for path, anchor in links if "://" not in path]


def anchors_of(document: Path) -> set[str]:
    """As GitHub makes them of the headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    for path, anchor in links_of(document):
        target = document.parent / path
        assert target.exists(), path
        assert not anchor or anchor in anchors_of(target), f"{path}#{anchor}"


@each_document
def test_quoted_paths_exist(document: Path) -> None:
    paths = {text for text in quoted(document) if re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*/?", text)}
    of_repository = {text for text in paths if text.split("/")[0] in FOLDERS and "/" in text}
    assert {text for text in of_repository if not any(REPOSITORY.glob(text.rstrip("/")))} == set()
    modules = {text for text in paths - of_repository if text.endswith(".py")}
    assert {text for text in modules if not any(f"/{name}".endswith(f"/{text}") for name in python_files())} == set()


@cache
def python_files() -> tuple[str, ...]:
    return tuple(str(path.relative_to(REPOSITORY)) for name in FOLDERS for path in (REPOSITORY / name).rglob("*.py"))


@each_document
def test_quoted_modules_and_functions_exist(document: Path) -> None:
    names = {text for text in quoted(document) if re.fullmatch(rf"({PACKAGES})(\.\w+)*", text)}
    names |= set(re.findall(rf"python -m ((?:{PACKAGES})[\w.]*)", document.read_text()))
    assert [name for name in sorted(names - {GALLERY_STRATA}) if not exists(name)] == []


def exists(name: str) -> bool:
    """Whether a dotted name is a module of ours, or leads to something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part, None)
        return found is not None
    return False


@each_document
def test_commands_of_make_exist(document: Path) -> None:
    commands = re.findall(r"(?:^ {4}|`)(?:\w+=\S+ )*make ([a-z-]+)((?: \w+=\S*)*)", document.read_text(), re.MULTILINE)
    assert {target for target, _ in commands} - targets() - {"environment"} == set()
    given = {word.partition("=")[0] for target, words in commands if target == "run" for word in words.split()}
    assert given - STACK_OPTIONS - {param.upper() for param in PARAMS} == set()


# What the documents show is what the product prints.


@cache
def texts_of_the_product() -> str:
    """All text constants of the product, whole strings and the parts of f-strings, one a line."""
    trees = (ast.parse(path.read_text()) for path in SOURCES)
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return "\n".join(node.value for node in nodes if isinstance(node.value, str))


@pytest.mark.parametrize("message", re.findall(r"^\| `([^`]+)` \|", section(OPERATIONS, "When something fails"), re.M))
def test_messages_are_the_product_s(message: str) -> None:
    """The fixed parts; … stands for what differs."""
    fixed = [part.strip(" :;,%()") for text in message.split("…") for part in re.split(r"\d+(?:\.\d+)*|numpy", text)]
    assert [part for part in fixed if part not in texts_of_the_product()] == []


def test_the_alert_that_is_shown_is_the_product_s() -> None:
    """A run of 1,000,000 rows on 2 workers of 2 cores, eight hours before its deadline."""
    deadline = datetime(2026, 11, 24, tzinfo=UTC)
    now = deadline - timedelta(hours=8)
    forecast = Forecast(fixed_seconds=0.0, rest_seconds=3600 * (8 + 2 + 2 / 3), spread=0.14)
    miss_probability = forecast.miss_probability((deadline - now).total_seconds())
    seen = Observation(now, Phase.WORKING, miss_probability, deadline, now - timedelta(minutes=1), 300.0, 60.0)
    progress = WorkProgress(
        rows_total=1_000_000, rows_done=410_000, pieces_total=260, pieces_done=115, workers=2, cores=4
    )
    status = RunStatus("20261123T000000Z", WorkPlan(cores_per_worker=2), progress, forecast, seen)
    assert describe(Level.LATE, status, WatchState(), ADVICE) in ALERTS.read_text().splitlines()


def test_the_quick_start_shows_the_lines_of_the_summary() -> None:
    shown = set(re.findall(r"^  ([a-z]+) {2,}", README.read_text(), re.MULTILINE))
    assert len(shown) > 5
    assert {word for word in shown if not re.search(rf"\b{word}\b", texts_of_the_product())} == set()


def test_the_picture_of_the_architecture_is_drawn_by_its_script(tmp_path: Path) -> None:
    script, target = REPOSITORY / "docs" / "draw_architecture.py", tmp_path / "architecture.png"
    subprocess.run([sys.executable, str(script), str(target)], check=True)
    assert target.stat().st_size > 50_000
    assert f"]({(REPOSITORY / 'docs' / 'images' / target.name).relative_to(REPOSITORY)})" in README.read_text()

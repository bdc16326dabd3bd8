"""The documents describe what there is, and everything that they name exists."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from batch_predictions.params import PARAMS
from run_contract.layout import RunPaths
from run_contract.records.history import HistoryRecord
from run_contract.records.plan import PlanRecord
from runtime_guard.alerting.levels import Level
from tests.helpers import REPOSITORY

README = REPOSITORY / "README.md"
LONGEST_README = 150
DOCS = sorted((REPOSITORY / "docs").rglob("*.md"))
DOCUMENTS = [*sorted(REPOSITORY.glob("*.md")), *DOCS, *sorted((REPOSITORY / "models").glob("*.md"))]
CONTRACT = REPOSITORY / "docs" / "data-contract.md"
ALERTS = REPOSITORY / "docs" / "alerts-and-forecast.md"
TEXT = "\n".join(path.read_text() for path in DOCUMENTS)

PRODUCT = ("dags", "plugins", "spark_jobs", "local_stack")
SOURCES = [path for name in PRODUCT for path in (REPOSITORY / name).rglob("*.py")]

INTERNAL = {f"BATCH_PREDICTIONS_{name}" for name in ("STACK", "ROLE", "VERSIONS")}
"""Environment variables that one process of the product sets for another."""

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=[str(path.relative_to(REPOSITORY)) for path in DOCUMENTS]
)


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


def test_the_picture_of_the_architecture_is_drawn_by_its_script(tmp_path: Path) -> None:
    script, target = REPOSITORY / "docs" / "draw_architecture.py", tmp_path / "architecture.png"
    subprocess.run([sys.executable, str(script), str(target)], check=True)
    assert target.stat().st_size > 50_000
    assert f"]({(REPOSITORY / 'docs' / 'images' / target.name).relative_to(REPOSITORY)})" in README.read_text()

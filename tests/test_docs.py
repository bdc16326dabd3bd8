"""The documents say what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from batch_predictions.params import PARAMS

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text()
PACKAGES = ("dags", "plugins", "spark_jobs", "local_stack")
SOURCES = [path for name in PACKAGES for path in (REPOSITORY / name).rglob("*.py")]


@pytest.mark.parametrize("param", PARAMS)
def test_readme_names_every_param(param: str) -> None:
    assert f"`{param.upper()}`" in README or f"`{param.upper()}`," in README


def test_readme_names_every_setting_that_a_deployment_has() -> None:
    settings = set(re.findall(r'environ\.get\("(BATCH_PREDICTIONS_\w+)"', "".join(map(Path.read_text, SOURCES))))
    assert len(settings) == 4
    assert {name for name in settings if f"`{name}`" not in README} == set()


def test_readme_names_the_targets_that_people_use() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "up", "down", "test"} < targets
    assert {target for target in targets - {"help"} if f"make {target}" not in README} == set()


@pytest.mark.parametrize(
    "document", ["README.md", "docs/data-contract.md", "docs/decisions.md", "models/cats_vs_dogs.md"]
)
def test_links_lead_somewhere(document: str) -> None:
    path = REPOSITORY / document
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text())
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []

"""`pip install .` gives executors and Airflow what they import."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.helpers import REPOSITORY

PACKAGES = {
    "run_contract": "spark_jobs",
    "image_scoring": "spark_jobs",
    "runtime_guard": "plugins",
    "runs_page": "plugins",
    "batch_predictions": "dags",
}
SIDES = ("spark", "driver", "airflow")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, because setuptools leaves its files in the source tree."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(REPOSITORY / name, source)
    for root in set(PACKAGES.values()):
        shutil.copytree(REPOSITORY / root, source / root, ignore=shutil.ignore_patterns("__pycache__"))
    run_pip("wheel", "--no-build-isolation", "--wheel-dir", str(built), str(source))
    return next(built.glob("*.whl"))


def run_pip(command: str, *arguments: str) -> None:
    offline = ["--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", command, *offline, *arguments], check=True)


def files_of(package: str) -> set[str]:
    """What a package has in the repository, by its path in the wheel."""
    root = REPOSITORY / PACKAGES[package]
    found = (path for path in (root / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(root)) for path in found}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_has_every_file_of_each_package(wheel: Path, package: str) -> None:
    expected = files_of(package)
    assert expected
    assert expected - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_the_wheel_has_templates_licence_and_notice_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"runs_page/templates/run.html.j2", "runs_page/static/page.js", "predict.py"} < names
    assert {Path(name).name for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}
    ours = {name for name in names if ".dist-info/" not in name and name != "predict.py"}
    assert ours == set().union(*map(files_of, PACKAGES))


def test_an_installation_imports_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    run_pip("install", "--target", str(tmp_path / "site"), str(wheel))
    check = f"import {', '.join(PACKAGES)}; from batch_predictions import settings; print(settings.SPARK_JOBS)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert (Path(done.stdout.strip()) / "predict.py").is_relative_to(tmp_path)
    assert (Path(done.stdout.strip()) / "predict.py").exists()


@pytest.mark.parametrize("side", SIDES)
def test_each_extra_names_what_the_lock_file_of_its_side_is_made_of(side: str) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    inputs = (REPOSITORY / "cluster" / f"{side}.in").read_text().splitlines()
    wanted = [re.sub(r"^-r (\w+)\.in$", r"batch-predictions[\1]", line) for line in inputs]
    assert packages(project["optional-dependencies"][side]) == packages(wanted)


def packages(requirements: Iterable[str]) -> set[tuple[str, ...]]:
    """Name, extras and marker of each; which version it is, the lock files decide."""
    parsed = map(Requirement, requirements)
    return {(one.name, *sorted(one.extras), str(one.marker or "")) for one in parsed}

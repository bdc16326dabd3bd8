"""The doors between the rooms: `lint-imports` keeps them, and each contract turns red for an import that it forbids."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import REPOSITORY

ROOTS = ("spark_jobs", "plugins", "dags", ".")
CONFIGURATION = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = [contract["name"] for contract in CONFIGURATION["contracts"]]

# For each contract a module, and an import in it that the contract forbids.
FORBIDDEN = {
    "The job's rooms import downwards only": ("image_scoring.images.decoding", "image_scoring.model.spec"),
    "The guard's rooms import downwards only": ("runtime_guard.forecast.pace", "runtime_guard.alerting.levels"),
    "Packages import downwards only": ("run_contract.layout", "batch_predictions.params"),
    "No circles inside a package": ("image_scoring.worker.scorer", "image_scoring.worker.image_scorer"),
    "Airflow's processes do not load what runs on Spark": ("batch_predictions.tasks", "image_scoring.driver.job"),
    "The pages know the run's files and how to decode an image, not the model": (
        "runs_page.thumbnail",
        "image_scoring.model.spec",
    ),
    "The guard can leave this project: it knows nothing of images, models and shards": (
        "runtime_guard.batch_run",
        "image_scoring.images.errors",
    ),
    "One module turns this project's records into the guard's": (
        "runtime_guard.airflow.sensor",
        "run_contract.records.plan",
    ),
    "The job does not know Airflow": ("image_scoring.driver.job", "airflow.sdk"),
    "Forecasts and alerts do not know Airflow": ("runtime_guard.alerting.alerts", "airflow.sdk"),
    "Plugins load neither Spark nor an inference framework": ("runs_page.thumbnail", "openvino"),
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The product's packages and the configuration, free to be changed."""
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    for root, package in packages():
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / root / package, tmp_path / root / package, ignore=ignore)
    return tmp_path


def packages() -> Iterator[tuple[str, str]]:
    for package in CONFIGURATION["root_packages"]:
        yield next(root for root in ROOTS if (REPOSITORY / root / package).is_dir()), package


def broken_contracts(checkout: Path) -> set[str]:
    """The names of the contracts that lint-imports reports as broken."""
    program = Path(sys.executable).with_name("lint-imports")
    environment = {"PYTHONPATH": ":".join(str(checkout / root) for root in ROOTS)}
    ended = subprocess.run(
        [sys.executable, program, "--no-cache"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = set(re.findall(r"^(.+) BROKEN$", ended.stdout, re.MULTILINE))
    assert ended.returncode == bool(found), ended.stdout + ended.stderr
    return found


def test_all_contracts_are_kept(checkout: Path) -> None:
    assert broken_contracts(checkout) == set()


@pytest.mark.parametrize("contract", CONTRACTS)
def test_each_contract_notices_an_import_that_it_forbids(contract: str, checkout: Path) -> None:
    importer, imported = FORBIDDEN[contract]
    root = next(root for root, package in packages() if importer.startswith(f"{package}."))
    module = checkout / root / f"{importer.replace('.', '/')}.py"
    module.write_text(f"{module.read_text()}\nimport {imported}\n")
    assert contract in broken_contracts(checkout)


@pytest.mark.parametrize(
    "module", sorted((REPOSITORY / "spark_jobs" / "run_contract").rglob("*.py")), ids=lambda path: path.stem
)
def test_run_contract_needs_the_standard_library_only(module: Path) -> None:
    """Executors, Airflow and the API server all import it."""
    imported = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).split(".")[0])
    assert imported <= {*sys.stdlib_module_names, "run_contract"}

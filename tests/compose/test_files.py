"""The files of the cluster match the rest of the project."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.make_secrets import job_properties, make_secrets, show
from local_stack.addresses import Addresses
from local_stack.environment import make_environment
from local_stack.layout import Layout
from local_stack.options import Options
from local_stack.spark_settings import JAVA_OPTIONS

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text())
NOTEBOOK = json.loads((REPOSITORY / "notebooks" / "batch_predictions.ipynb").read_text())
LOCKS = sorted((REPOSITORY / "cluster").glob("*.lock"))
PINNED = re.compile(r"^([a-z0-9._-]+)(?:\[[a-z,_-]+\])?==(\S+)", re.MULTILINE)
# Settings of one machine and its files, which differ in containers.
OF_THE_PLACE = {
    "CORE__DAGS_FOLDER",
    "CORE__PLUGINS_FOLDER",
    "CORE__EXECUTION_API_SERVER_URL",
    "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
    "API__HOST",
    "API__PORT",
    "API__BASE_URL",
}
SECRET = {"CORE__FERNET_KEY", "API__SECRET_KEY", "API_AUTH__JWT_SECRET", "DATABASE__SQL_ALCHEMY_CONN"}


def test_airflow_is_set_as_in_the_local_stack(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.root.mkdir()
    addresses = Addresses(airflow=1, master=2, master_web=3, workers=(4,))
    local = make_environment(layout, Options(tmp_path), addresses, "")
    there = COMPOSE["services"]["airflow-scheduler"]["environment"]
    for name, value in local.items():
        option = name.removeprefix("AIRFLOW__")
        if option == name or option in OF_THE_PLACE:
            continue
        if option in SECRET:
            assert there[f"{name}_CMD"].startswith("cat /secrets/airflow/"), name
        else:
            assert there[name] == value, name


def test_java_has_the_same_options_everywhere() -> None:
    services = COMPOSE["services"]
    for service in ("spark-master", "spark-worker"):
        assert services[service]["environment"]["SPARK_DAEMON_JAVA_OPTS"] == JAVA_OPTIONS
    assert services["airflow-scheduler"]["environment"]["SPARK_LAUNCHER_OPTS"] == JAVA_OPTIONS


def test_no_secret_is_set_in_the_compose_file_or_in_its_settings() -> None:
    environments = [service.get("environment", {}) for service in COMPOSE["services"].values()]
    names = {name for environment in environments for name in environment}
    names |= set(re.findall(r"^(\w+)=", (REPOSITORY / ".env").read_text(), re.MULTILINE))
    telling = {name for name in names if re.search("SECRET|PASSWORD|TOKEN|FERNET|SQL_ALCHEMY", name)}
    assert {name for name in telling if not name.endswith(("_CMD", "_FILE"))} == set()


def test_there_is_one_base_image() -> None:
    named = [
        re.search(r"BASE_IMAGE=(\S+)", (REPOSITORY / name).read_text())[1]  # type: ignore[index]
        for name in ("Dockerfile", ".env")
    ]
    assert named[0] == named[1]
    assert re.fullmatch(r"debian:bookworm-\d{8}-slim", named[0])


def pins(lock: Path) -> dict[str, set[str]]:
    """The versions of each package; some have one for each Python."""
    found: dict[str, set[str]] = {}
    for name, version in PINNED.findall(lock.read_text()):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_versions_of_the_images_are_those_of_the_project(lock: Path) -> None:
    assert len(LOCKS) == 4
    text = lock.read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links", text)
    mine = pins(lock)
    for other in (REPOSITORY / "requirements.lock", *LOCKS):
        theirs = pins(other)
        assert {name for name in mine.keys() & theirs.keys() if not mine[name] <= theirs[name]} == set(), other.name


def test_secrets_are_made_once_and_only_for_their_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for directory in ("airflow", "jupyter", "postgres", "spark"):
        (tmp_path / directory).mkdir()
    make_secrets(tmp_path)
    files = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    modes = {path.name: path.stat().st_mode & 0o777 for path in files}
    assert {name for name, mode in modes.items() if mode != 0o600} == {"password"}
    assert modes["password"] == 0o640
    make_secrets(tmp_path)
    assert {path: path.read_text() for path in files} == files
    for name in ("AIRFLOW", "JUPYTER", "SPARK_MASTER_WEB"):
        monkeypatch.setenv(f"{name}_PORT", "1")
    shown = show(tmp_path)
    assert json.loads(files[tmp_path / "airflow" / "passwords.json"])["admin"] in shown
    assert files[tmp_path / "jupyter" / "token"] in shown


def test_an_interrupted_start_leaves_no_files_that_do_not_match(tmp_path: Path) -> None:
    for directory in ("airflow", "jupyter", "postgres", "spark"):
        (tmp_path / directory).mkdir()
    make_secrets(tmp_path)
    (tmp_path / "airflow" / "spark.conf").unlink()
    make_secrets(tmp_path)
    secret = re.search(r"authenticate.secret (\S+)", (tmp_path / "spark" / "spark-defaults.conf").read_text())
    assert secret
    assert secret[1] in (tmp_path / "airflow" / "spark.conf").read_text()


def test_spark_is_closed_to_strangers() -> None:
    properties = job_properties("x")
    assert properties["spark.authenticate"] == "true"
    assert properties["spark.master.rest.enabled"] == "false"


def code_cells() -> list[dict[str, Any]]:
    return [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_was_executed_from_top_to_bottom() -> None:
    assert [cell["execution_count"] for cell in code_cells()] == list(range(1, len(code_cells()) + 1))


def test_the_notebooks_outputs_are_results_and_no_noise() -> None:
    outputs = [output for cell in code_cells() for output in cell["outputs"]]
    assert len(outputs) >= 10
    assert [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"] == []
    assert not re.search(r"/home/|/root/|/tmp/|token|Warning", json.dumps(outputs))

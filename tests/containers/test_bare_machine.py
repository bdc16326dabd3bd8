"""make run on a machine with only Python, venv, make and git: no Java, no compiler, no root."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.requirements import need

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


def docker(*words: str, seconds: float = 300) -> str:
    finished = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=seconds, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture
def bare_machine(tmp_path: Path) -> Iterator[str]:
    """A container with a fresh clone of the committed files, in the home directory of a user who is not root."""
    engine = (
        shutil.which("docker") and not subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    )
    need("a Docker engine", bool(engine))
    need("debootstrap, for the base image", shutil.which("debootstrap") is not None)
    subprocess.run(["sh", HERE / "make_base_image.sh"], check=True, timeout=600)
    docker("build", "--quiet", "--tag", "batch-predictions-bare", "--file", str(HERE / "bare.Dockerfile"), str(HERE))
    name = f"batch-predictions-bare-{uuid4().hex[:8]}"
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", REPOSITORY, clone], check=True)
    home = ("--volume", "/home/newcomer")  # on a plain file system: the layered one takes minutes more
    docker("run", "--detach", "--init", "--name", name, *home, "batch-predictions-bare", "sleep", "infinity")
    try:
        docker("cp", str(clone), f"{name}:/home/newcomer/clone")
        docker("exec", "--user", "root", name, "chown", "-R", "newcomer", "/home/newcomer/clone")
        yield name
    finally:
        docker("rm", "--force", "--volumes", name)


def test_make_run_is_all(bare_machine: str) -> None:
    for tool in ("java", "gcc"):
        found = subprocess.run(["docker", "exec", bare_machine, "sh", "-c", f"command -v {tool}"], check=False)
        assert found.returncode != 0, f"{tool} is installed: this machine is not bare"
    output = docker("exec", "--workdir", "/home/newcomer/clone", bare_machine, "make", "run", seconds=1200)
    assert "92 rows: 88 predicted, 4 errors" in output
    left = docker("exec", bare_machine, "sh", "-c", "cat /proc/[0-9]*/comm | sort -u").split()
    assert not {"java", "python", "python3", "airflow"} & set(left), left

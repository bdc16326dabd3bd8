"""One cluster for all tests of the compose file: built, started, and removed with its images."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.compose.cluster import REPOSITORY, Cluster, compose_command, docker, engine_answers
from tests.requirements import need

HERE = Path(__file__).parent
PICTURES = 4096  # eight shards: two for each core of two workers
# Services, each with another image. The classic builder would go through the same steps for each of the others.
ONE_OF_EACH_IMAGE = ("spark-master", "secrets", "jupyter")


@contextmanager
def capture_off(pytestconfig: pytest.Config) -> Iterator[None]:
    """Inside, output is shown whether or not the tests pass."""
    manager = pytestconfig.pluginmanager.getplugin("capturemanager")
    if manager is None:  # pytest -s
        yield
        return
    with manager.global_and_fixture_disabled():
        yield


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Cluster]:
    need("a Docker engine", engine_answers())
    need("docker compose or docker-compose", bool(compose_command()))
    need("debootstrap, for the base image", shutil.which("debootstrap") is not None)
    subprocess.run(["sh", REPOSITORY / "tests" / "containers" / "make_base_image.sh"], check=True, timeout=600)
    name = f"test-{uuid4().hex[:8]}"
    pictures = many_pictures(tmp_path_factory.mktemp("cluster") / "pictures")
    cluster = Cluster(name, pictures, f"batch-predictions-postgres:{name}")
    try:
        with cluster.step("stand-in for PostgreSQL"):
            stand_in = ["--tag", cluster.postgres, "--file", str(HERE / "postgres.Dockerfile"), str(HERE)]
            docker("build", "--quiet", *stand_in)
        with cluster.step("build"):
            cluster.compose("build", "--quiet", *ONE_OF_EACH_IMAGE, seconds=2400)
        with cluster.step("up to healthy"):
            cluster.up()
        yield cluster
    finally:
        with cluster.step("images removed"):
            cluster.remove()
        with capture_off(pytestconfig):
            print(f"\ncluster: {', '.join(cluster.steps)}", flush=True)


def many_pictures(directory: Path) -> Path:
    """Many files: the sample's valid images under new names."""
    sample = [path for path in sorted((REPOSITORY / "sample" / "images").rglob("*.*")) if path.stem.count(".") == 1]
    for animal in ("cats", "dogs"):
        (directory / animal).mkdir(parents=True)
    for number in range(PICTURES):
        picture = sample[number % len(sample)]
        shutil.copyfile(picture, directory / picture.parent.name / f"{number:05d}{picture.suffix}")
    return directory

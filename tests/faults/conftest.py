"""One Spark standalone cluster with two workers of one core each, and images, for all tests of faults."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from run_contract.layout import RunPaths, Workspace
from tests.faults.cluster import Cluster, start_cluster
from tests.faults.job import Stage, assert_complete
from tests.faults.observed import Observed, observe_workers
from tests.helpers import SAMPLE

IMAGE_COUNT = 600
# The marked images by their row: there are 16 shards of 32 rows, one of 64 and one of 24.
MARKED = {40: "MARK-A", 200: "MARK-B", 330: "MARK-C", 590: "MARK-D"}


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with start_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images of the sample, also the broken ones, repeated; some have a mark after their last byte."""
    directory = tmp_path_factory.mktemp("images")
    sample = sorted(path for path in SAMPLE.rglob("*.*") if path.suffix != ".txt")
    for number in range(IMAGE_COUNT):
        image = SAMPLE / "cats" / "cat.000.jpg" if number in MARKED else sample[number % len(sample)]
        content = image.read_bytes() + MARKED.get(number, "").encode()
        (directory / f"{number:05d}{image.suffix}").write_bytes(content)
    return directory


@pytest.fixture(scope="session")
def stage(cluster: Cluster, converted_model: Path, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    workspace = Workspace(tmp_path_factory.mktemp("faults") / "workspace")
    shutil.copytree(converted_model, workspace.root / "models")
    return Stage(cluster, workspace, images, tmp_path_factory.mktemp("handshakes"))


@pytest.fixture(scope="session")
def observed(stage: Stage) -> Observed:
    """An undisturbed run, and what its workers were like."""
    run = stage.new_run("20260101T000000Z")
    with stage.submit(run) as submission:
        workers = observe_workers(stage.cluster, submission)
        assert submission.process.returncode == 0, submission.output
    assert_complete(run)
    return Observed(run, workers)


@pytest.fixture(scope="session")
def undisturbed(observed: Observed) -> RunPaths:
    return observed.run


@pytest.fixture(autouse=True)
def _no_orphans(cluster: Cluster) -> Iterator[None]:
    yield
    cluster.assert_idle_soon()

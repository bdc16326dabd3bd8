"""One stack for all tests that only need one to be up, a converted model, and images to download."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from local_stack.addresses import Addresses
from local_stack.airflow_api import AirflowApi, DagRun
from local_stack.options import Options
from local_stack.stack import Stack
from run_contract.layout import RunPaths, Workspace, run_key
from tests.integration.commands import REPOSITORY, make, project_path, wait_until

REAL_ARCHIVE = REPOSITORY.parent / "shared" / "data" / "cats_and_dogs_filtered.zip"


@dataclass(frozen=True)
class RunningStack:
    workspace: Path
    addresses: Addresses
    api: AirflowApi
    password: str

    def files_of(self, dag_run: DagRun) -> RunPaths:
        return Workspace(self.workspace).run(run_key(dag_run.due))

    def wait_for_end(self, dag_run: DagRun) -> str:
        """The state in which the run ends."""
        run_id = dag_run.run_id
        wait_until(lambda: not self.api.run(run_id).is_unfinished, f"{run_id} has ended")
        return self.api.run(run_id).state

    def published_run(self) -> DagRun:
        """The newest run that has succeeded; when there is none, a small one is run."""
        self.api.unpause()
        succeeded = [run for run in self.api.runs() if run.state == "success"]
        dag_run = succeeded[0] if succeeded else self.api.trigger({"limit": 6})
        assert self.wait_for_end(dag_run) == "success"
        return dag_run


@pytest.fixture
def plain_path(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where possible, else tmp_path.

    The layered file systems of containers do not accept long names and do not replace a link atomically.
    """
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The stack that `make up` starts, until the end of the session."""
    workspace = tmp_path_factory.mktemp("up") / "workspace"
    environment = {"BATCH_PREDICTIONS_RETRY_SECONDS": "1"}
    try:
        started = make("up", workspace, environment=environment).wait()
        assert started.code == 0, started.output
        handle = Stack(Options(workspace), print)
        addresses = handle.running()
        assert addresses is not None
        with closing(handle.api(addresses)) as api:
            yield RunningStack(workspace, addresses, api, handle.password)
    finally:
        make("down", workspace).wait()


@pytest.fixture(scope="session")
def converted_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models/ directory of a workspace in which the model has been converted."""
    root = tmp_path_factory.mktemp("converted")
    subprocess.run([sys.executable, "-m", "tests.warm_model", root], cwd=REPOSITORY, env=project_path(), check=True)
    return root / "models"


@pytest.fixture
def workspace(tmp_path: Path, converted_model: Path) -> Path:
    """A new workspace with the converted model."""
    shutil.copytree(converted_model, tmp_path / "workspace" / "models")
    return tmp_path / "workspace"


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip archive of 1,500 images: the real photos where available, else those of the sample, each several times."""
    target = tmp_path_factory.mktemp("archive") / "images.zip"
    with zipfile.ZipFile(target, "w") as out:
        for name, content in _images(1500):
            out.writestr(name, content)
    return target


def _images(count: int) -> Iterator[tuple[str, bytes]]:
    if REAL_ARCHIVE.exists():
        with zipfile.ZipFile(REAL_ARCHIVE) as photos:
            for name in sorted(name for name in photos.namelist() if name.endswith(".jpg"))[:count]:
                yield name, photos.read(name)
        return
    sample = REPOSITORY / "sample" / "images"
    good = [path for path in sorted(sample.rglob("*.*")) if "." in path.stem]
    for number in range(count):
        picture = good[number % len(good)]
        yield f"{picture.parent.name}/{number:05d}{picture.suffix}", picture.read_bytes()


@pytest.fixture(scope="session")
def server(archive: Path) -> Iterator[str]:
    """The address of an HTTP server with the archive and with a web page instead of one."""
    (archive.parent / "page.zip").write_text("<html><body>please log in</body></html>")
    yield from _serve(archive.parent)


@pytest.fixture(scope="session")
def real_archive_server() -> Iterator[str]:
    yield from _serve(REAL_ARCHIVE.parent)


def _serve(directory: Path) -> Iterator[str]:
    handler = partial(_Quiet, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return None

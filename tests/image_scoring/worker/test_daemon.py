"""The process that forks Python workers, started as Spark starts it, but without Spark."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest

from image_scoring.model.versions import expected_versions
from image_scoring.worker.preflight import ENVIRONMENT
from tests.helpers import PATIENCE
from tests.integration.commands import project_path


@contextmanager
def daemon(directory: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "image_scoring.worker.daemon", "pyspark.worker"]
    with subprocess.Popen(
        command,
        cwd=directory,
        env={**project_path(), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("module", "name"), [("pyspark.daemon", "manager"), ("pyspark.worker", "main")])
def test_the_private_parts_of_pyspark_are_there(module: str, name: str) -> None:
    """The daemon calls pyspark.daemon.manager, which runs pyspark.worker.main in each worker."""
    found = getattr(importlib.import_module(module), name, None)
    assert callable(found), f"pyspark {version('pyspark')}: {module}.{name}, which worker/daemon.py uses, is missing"


def test_with_other_versions_it_says_so_in_one_line_and_ends(tmp_path: Path) -> None:
    expected = {**expected_versions("openvino"), "numpy": "1.2.3"}
    with daemon(tmp_path, **{ENVIRONMENT: json.dumps(expected)}) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert out == b""
    (line,) = err.decode().splitlines()
    assert line.startswith("preflight: host ")
    assert "numpy" in line
    assert "1.2.3 expected" in line


@pytest.mark.parametrize("engine", ["openvino", None])
def test_with_the_drivers_versions_it_serves_until_its_stdin_ends(engine: str | None, tmp_path: Path) -> None:
    environment = {ENVIRONMENT: json.dumps(expected_versions(engine))} if engine else {}
    with daemon(tmp_path, **environment) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        (port,) = struct.unpack(">i", process.stdout.read(4))
        assert 1024 <= port < 65536
        assert process.poll() is None
        process.stdin.close()
        process.wait(PATIENCE)
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_a_module_that_cannot_be_preloaded_is_left_to_the_worker(tmp_path: Path) -> None:
    (tmp_path / "openvino.py").write_text("raise ImportError('no OpenVINO here')")
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{project_path()['PYTHONPATH']}"}
    assert importlib.util.find_spec("openvino") is not None
    with daemon(tmp_path, **environment) as process:
        assert process.stdout is not None
        assert len(process.stdout.read(4)) == 4

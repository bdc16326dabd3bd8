"""The process that Spark starts on an executor, started as Spark does, but without Spark."""

from __future__ import annotations

import importlib.util
import json
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    """pyspark is the installed one, although the zip of Spark comes first, as on an executor."""
    zipped = tmp_path / "pyspark.zip"
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr("pyspark/__init__.py", "raise SystemExit('pyspark.zip was read')")
    environment = {"PYTHONPATH": f"{zipped}{os.pathsep}{project_path()['PYTHONPATH']}"}
    if engine:
        environment[ENVIRONMENT] = json.dumps(expected_versions(engine))
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


def test_what_is_missing_for_the_preload_is_left_to_the_worker(tmp_path: Path) -> None:
    (tmp_path / "openvino.py").write_text("raise ImportError('no OpenVINO here')")
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{project_path()['PYTHONPATH']}"}
    assert importlib.util.find_spec("openvino") is not None
    with daemon(tmp_path, **environment) as process:
        assert process.stdout is not None
        assert len(process.stdout.read(4)) == 4

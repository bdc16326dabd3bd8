"""The class-data-sharing archive: Spark's JVMs map their classes from it, and need not load and verify each anew.

One archive serves every role (driver, executor, master, worker) and every workspace of this clone.
https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

from local_stack.java import java_version
from local_stack.spark_home import LEFT_OUT

DIRECTORY = Path(__file__).resolve().parents[1] / ".venv" / "share" / "spark-classes"

EMPTY_CONF = DIRECTORY / "empty-conf"
"""SPARK_CONF_DIR of every stack. It is on Spark's class path, and Java refuses an archive when a directory there
holds anything, or is another one than when the archive was made."""

# An archive that does not fit is left out without a word: it saves time and nothing else depends on it.
QUIET = "-Xlog:cds=off,cds+dynamic=off"


def archive_of(java_home: Path, directory: Path = DIRECTORY) -> Path:
    """Where the archive of this Java and the installed pyspark is, or would be."""
    # An archive holds for one class path only.
    build = hashlib.sha256(f"{java_version(java_home)}{LEFT_OUT}".encode()).hexdigest()[:12]
    return directory / f"pyspark-{version('pyspark')}-java-{build}.jsa"


def base_of(archive: Path) -> Path:
    """The classes of Java alone, for a runtime that comes without an archive of them."""
    return archive.with_name(f"{archive.stem}-base.jsa")


def archive_options(archive: Path) -> str:
    """The JVM options with which Spark uses `archive`, as one string; empty when there is none."""
    return f'"-XX:SharedArchiveFile={archive}" {QUIET}' if archive.exists() else ""

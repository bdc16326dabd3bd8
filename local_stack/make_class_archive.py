"""`python -m local_stack.make_class_archive`: makes the archive of this Java and this pyspark, unless it is there.

The last step of making the environment. Without an archive everything works, a few seconds slower: when it cannot be
made, one line says so.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from local_stack import processes
from local_stack.class_archive import DIRECTORY, archive_of, base_of
from local_stack.java import find_java_home
from local_stack.layout import write_private
from local_stack.options import REPOSITORY
from local_stack.spark import inherited_environment, spark_environment, spark_properties

JOB = Path(__file__).with_name("class_archive_job.py")
# Half a minute on an ordinary disk. Where it takes much longer, as on the layered file systems of some containers, the
# archive would not pay for itself.
MAKING_SECONDS = 90.0


class MakingFailed(Exception):
    """One line."""


def main(directory: Path = DIRECTORY, job: Path = JOB) -> None:
    scratch = directory / "making"
    shutil.rmtree(scratch, ignore_errors=True)  # of one that was killed
    try:
        scratch.mkdir(parents=True, mode=0o700)
        java_home = find_java_home(scratch / "java")
        archive = archive_of(java_home, directory)
        if not archive.exists():
            print("environment: preparing Spark's classes for a fast start, once, for a minute", flush=True)
            make_archive(java_home, archive, scratch, job)
    except (MakingFailed, OSError, subprocess.SubprocessError) as error:
        print(f"environment: Spark's classes could not be prepared ({error}); Spark starts without, slower", flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def make_archive(java_home: Path, archive: Path, scratch: Path, job: Path) -> None:
    """Puts a whole archive at `archive`, or raises MakingFailed, OSError or SubprocessError and puts nothing there."""
    log = archive.with_suffix(".log")
    log.unlink(missing_ok=True)
    options = ""
    if not _has_base(java_home):
        base = base_of(archive)
        java = str(java_home / "bin" / "java")
        _run([java, "-Xshare:dump", f"-XX:SharedArchiveFile={scratch / base.name}"], inherited_environment(), log)
        os.replace(scratch / base.name, base)
        options = f'"-XX:SharedArchiveFile={base}" '
    made = scratch / archive.name
    environment = {
        **inherited_environment(),
        **spark_environment(java_home, scratch, scratch / "work"),
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / name) for name in ("spark_jobs", "dags")),
        "TMPDIR": str(scratch),
    }
    properties = scratch / "spark-defaults.conf"
    # Java writes the archive when the JVM of the driver ends.
    options += f'"-XX:ArchiveClassesAtExit={made}"'
    write_private(properties, spark_properties(secrets.token_urlsafe(48), scratch, options, ""))
    submit = [f"{environment['SPARK_HOME']}/bin/spark-submit", "--master", "local-cluster[1,1,1024]"]
    _run([*submit, "--properties-file", str(properties), str(job), str(scratch)], environment, log)
    if not made.exists():
        raise MakingFailed(f"Java wrote no archive, see {log}")
    os.replace(made, archive)


def _has_base(java_home: Path) -> bool:
    """Whether this Java comes with an archive of its own classes, on which another one can be stacked."""
    command = [str(java_home / "bin" / "java"), "-Xshare:on", "-version"]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def _run(command: list[str], environment: dict[str, str], log: Path) -> None:
    mark = str(log)
    process = processes.start("class archive", command, {**environment, processes.MARK: mark}, log)
    try:
        code = process.wait(MAKING_SECONDS)
    except subprocess.TimeoutExpired:
        raise MakingFailed(f"not done within {MAKING_SECONDS:.0f} s, see {log}") from None
    finally:
        processes.end_all(mark)  # Spark's own children, too
        process.wait()
    if code:
        raise MakingFailed(f"{Path(command[0]).name} ended with code {code}, see {log}")


if __name__ == "__main__":
    main()

"""`python -m benchmarks.scale [NAME=VALUE ...]`: what `make bench-scale` calls.

Sends invented rows through manifest, predict (without images), validate and publish: first a tenth of them, then all.
Time must be linear in the rows, and memory must stay the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.command import places, run_benchmark
from benchmarks.contenders.ours import CONF
from benchmarks.machine import describe_machine
from benchmarks.measure import ContenderError, Family, Sampler
from benchmarks.scale_plot import draw, make_table
from benchmarks.spark_cluster import Cluster, standalone_cluster
from local_stack.command import console, read_words, say
from local_stack.options import REPOSITORY, UsageError
from run_contract.files import remove, write_json
from run_contract.layout import RunPaths, Workspace
from run_contract.record import read_readable, require_record
from run_contract.records.metrics import MetricsRecord
from run_contract.records.predict import ProgressRecord

STAGES = ("manifest", "predict", "validate", "publish")
NAMES = ("ROWS", "OUTPUT", "WORKSPACE")
SMALLEST = 1000
SHARE = 10
LIMIT_MB = 2000
SAY_SECONDS = 10.0


@dataclass(frozen=True)
class Options:
    rows: int
    output: Path
    workspace: Path


def parse_options(words: list[str]) -> Options:
    """Parse NAME=VALUE words; paths are relative to the current directory. Raises UsageError."""
    values = read_words(words, NAMES)
    rows = values.get("ROWS") or "10000000"
    if not rows.isdecimal() or int(rows) < SMALLEST:
        raise UsageError(f"ROWS={rows}: it must be a whole number of at least {SMALLEST:,}")
    return Options(int(rows), *places(values))


class Usage:
    """Measures the processes of a stage: the peak memory in bytes of each kind, and CPU seconds of all."""

    def __init__(self, processes: Callable[[], Iterator[tuple[str, psutil.Process]]]) -> None:
        self._processes = processes
        self._cpu: dict[int, float] = {}
        self.peaks: dict[str, int] = {}

    def probe(self) -> int:
        for kind, process in self._processes():
            self.peaks[kind] = max(self.peaks.get(kind, 0), peak_of(process))
            with suppress(psutil.Error):
                times = process.cpu_times()
                self._cpu[process.pid] = times.user + times.system
        return 0

    @property
    def cpu_seconds(self) -> float:
        return sum(self._cpu.values())


def peak_of(process: psutil.Process) -> int:
    """Return the peak resident memory of a process in bytes.

    The present one where the system does not record the peak; 0 for a process that has ended.
    """
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        try:
            return int(process.memory_info().rss)
        except psutil.Error:
            return 0


def processes_of(pid: int, cluster: Cluster | None) -> Iterator[tuple[str, psutil.Process]]:
    """Yield the processes of a stage with their kind. cluster: its executors work for the stage, if given."""
    try:
        own = psutil.Process(pid)
        for process in (own, *own.children(recursive=True)):
            yield (f"driver's {_language(process)}" if cluster else "task"), process
        for process in cluster.worker.children(recursive=True) if cluster else ():
            if process.status() == psutil.STATUS_ZOMBIE:  # an executor of an earlier stage
                continue
            yield ("executor's JVM" if _language(process) == "JVM" else "Python worker"), process
    except psutil.NoSuchProcess:
        return


def _language(process: psutil.Process) -> str:
    return "Python" if process.name().startswith("python") else "JVM"


@dataclass
class Scale:
    """Runs each stage in its own processes, and keeps the measurements."""

    workspace: Workspace
    cluster: Cluster
    log: Path

    def __post_init__(self) -> None:
        self.stages: list[dict[str, Any]] = []

    def run(self, rows: int) -> None:
        """Run all stages with `rows` rows. Raises ContenderError when one fails, or loses a row."""
        run = self.workspace.run(f"rows-{rows}")
        remove(run.root)
        for stage in STAGES:
            self._measure(stage, run, rows)
        published = require_record(MetricsRecord, run.metrics).rows
        if published != rows:
            raise ContenderError(f"scale: {published:,} rows were published, not {rows:,}; see {run.root}")
        remove(run.root)

    def _measure(self, stage: str, run: RunPaths, rows: int) -> None:
        expected = next((SHARE * item["seconds"] for item in self.stages if item["stage"] == stage), None)
        started = time.monotonic()
        usage = self._execute(stage, run, rows, expected)
        seconds = time.monotonic() - started
        megabytes = {kind: round(peak / 1e6, 1) for kind, peak in sorted(usage.peaks.items())}
        record = {
            "stage": stage,
            "rows": rows,
            "seconds": round(seconds, 2),
            "cpu_seconds": round(usage.cpu_seconds, 2),
        }
        self.stages.append({**record, "peak_mb": megabytes})
        say(f"{seconds:6.0f} s  {stage} {rows:,} rows; the most memory of a process: {max(megabytes.values()):,.0f} MB")

    def _execute(self, stage: str, run: RunPaths, rows: int, expected: float | None) -> Usage:
        command = self._command(stage, run.run_key, rows)
        with open(self.log, "ab") as output:
            process = subprocess.Popen(
                command, env=self.cluster.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        usage = Usage(lambda: processes_of(process.pid, self.cluster if stage == "predict" else None))
        family = Family(process.pid, None)
        try:
            with Sampler(usage.probe):
                code = _wait(process, f"{stage} {rows:,} rows", lambda elapsed: _rest(stage, run, expected, elapsed))
        finally:
            family.kill()
            process.wait()
        if code:
            raise ContenderError(f"scale: {stage} of {rows:,} rows ended with code {code}; see {self.log}")
        return usage

    def _command(self, stage: str, run_key: str, rows: int) -> list[str]:
        root = str(self.workspace.root)
        if stage != "predict":
            return [sys.executable, "-m", "benchmarks.scale_stage", stage, root, run_key, str(rows)]
        environment = self.cluster.environment
        return [
            f"{environment['SPARK_HOME']}/bin/spark-submit",
            *("--master", self.cluster.master_url),
            *("--properties-file", environment["BATCH_PREDICTIONS_SPARK_PROPERTIES"]),
            *(word for setting in CONF for word in ("--conf", setting)),
            str(REPOSITORY / "benchmarks" / "noop_predict.py"),
            *(root, run_key),
        ]


def _wait(process: subprocess.Popen[bytes], title: str, rest: Callable[[float], float | None]) -> int:
    """Return the exit code; print the remaining time every SAY_SECONDS."""
    started = time.monotonic()
    while True:
        try:
            return process.wait(SAY_SECONDS)
        except subprocess.TimeoutExpired:
            elapsed = time.monotonic() - started
            seconds = rest(elapsed)
            say(f"{elapsed:6.0f} s  {title}{'' if seconds is None else f', {seconds:.0f} s to go'}")


def _rest(stage: str, run: RunPaths, expected: float | None, elapsed: float) -> float | None:
    """Return the remaining seconds: predict reports them; the time of the other stages is linear in rows."""
    if stage == "predict":
        progress = read_readable(ProgressRecord, run.progress)
        return progress.eta_seconds if progress else None
    return max(expected - elapsed, 0.0) if expected else None


def over_limit(stages: list[dict[str, Any]]) -> list[str]:
    """Return a line for each process that took more than LIMIT_MB; the driver's two processes count as one."""
    faults = []
    for item in stages:
        driver = sum(peak for kind, peak in item["peak_mb"].items() if kind.startswith("driver"))
        for kind, peak in {**item["peak_mb"], "driver": driver}.items():
            if peak > LIMIT_MB:
                faults.append(
                    f"{item['stage']} of {item['rows']:,} rows: {kind} took {peak:,.0f} MB, over {LIMIT_MB:,}"
                )
    return faults


def scale(options: Options) -> int:
    """Run the benchmark; return 1 when a process took more than LIMIT_MB."""
    cores = os.cpu_count() or 1
    sizes = [options.rows // SHARE, options.rows]
    machine = describe_machine(cores)
    with standalone_cluster(options.workspace, cores, say) as cluster:
        running = Scale(Workspace(options.workspace), cluster, options.workspace / "scale.log")
        for rows in sizes:
            running.run(rows)
    results = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "rows": sizes,
        "limit_mb": LIMIT_MB,
        "stages": running.stages,
    }
    write_json(options.output / "scale.json", results)
    draw(results, options.output / "scale.png")
    console.print(make_table(results))
    say(f"written: {options.output / 'scale.json'} and scale.png")
    faults = over_limit(running.stages)
    for fault in faults:
        say(f"error: {fault}")
    return 1 if faults else 0


def main(words: list[str]) -> int:
    return run_benchmark(words, parse_options, scale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

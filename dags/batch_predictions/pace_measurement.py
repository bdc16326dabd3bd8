"""Measure what a row of this run costs on a few of its images, when no earlier run shows it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

from batch_predictions import settings
from run_contract.arguments import JobArguments
from run_contract.formatting import count, duration, one_line
from run_contract.record import RecordError, parse_record
from run_contract.records.plan import PaceMeasurementRecord

log = logging.getLogger(__name__)

MEASURE = "image_scoring.driver.measure_pace"
# A new model is converted first, and quantized and calibrated for a cascade: minutes on a busy machine.
SECONDS = 300.0


def measure_core_seconds(arguments: JobArguments, module: str = MEASURE, seconds: float = SECONDS) -> float | None:
    """Return the seconds that one core needs for one row, without start-up; None, with a log line, on any failure.

    It runs in a process of its own, because it loads frameworks and a damaged image may crash the interpreter. That
    process is killed after `seconds`.
    """
    path = os.pathsep.join(filter(None, (str(settings.SPARK_JOBS), os.environ.get("PYTHONPATH"))))
    command = [os.environ.get("PYSPARK_PYTHON") or sys.executable, "-m", module, *arguments.to_argv()]
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    log.info("measuring the pace on a few images; the first use of a model also converts it, which takes minutes")
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=True, env=environment)
        measured = parse_record(PaceMeasurementRecord, done.stdout.strip().rpartition(b"\n")[2])
    except subprocess.TimeoutExpired:
        cause = f"it took longer than {duration(seconds)}"
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        cause = one_line(lines[-1]) if lines else f"it ended with code {error.returncode}"
    except (OSError, RecordError) as error:
        cause = f"{type(error).__name__}: {error}"
    else:
        cost = measured.core_seconds_per_row
        log.info("pace: %.1f ms of one core an image, measured on %s", 1000 * cost, count(measured.images, "image"))
        return cost
    log.info("run %s: its pace cannot be measured before predict (%s); it has no forecast", arguments.run_key, cause)
    return None

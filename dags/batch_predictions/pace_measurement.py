"""Before there is a history: what a row of this run costs, measured on a few of its images."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

from batch_predictions import settings
from run_contract.arguments import JobArguments

log = logging.getLogger(__name__)

MEASURE = "image_scoring.driver.measure_pace"
# A new model is converted first, and for a cascade quantized and calibrated: minutes on a machine that others load.
SECONDS = 300.0


def measure_core_seconds(arguments: JobArguments, module: str = MEASURE, seconds: float = SECONDS) -> float | None:
    """Seconds that one core needs for one row, without start-up; None, with one line, when it cannot be measured.

    In a process of its own: frameworks are loaded, and an image may end the interpreter. It is killed after `seconds`.
    """
    path = os.pathsep.join(filter(None, (str(settings.SPARK_JOBS), os.environ.get("PYTHONPATH"))))
    command = [os.environ.get("PYSPARK_PYTHON") or sys.executable, "-m", module, *arguments.to_argv()]
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    log.info("measuring the pace on a few images; a new model is converted first, and for a cascade quantized, once")
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=seconds, check=True)
        measured = json.loads(done.stdout.splitlines()[-1])
        cost = float(measured["core_seconds_per_row"])
    except subprocess.TimeoutExpired:
        cause = f"it took longer than {seconds:.0f} s"
    except subprocess.CalledProcessError as error:
        cause = (error.stderr.strip().splitlines() or [f"it ended with code {error.returncode}"])[-1]
    except (OSError, ValueError, LookupError, TypeError) as error:
        cause = f"{type(error).__name__}: {error}"
    else:
        log.info("measured on %d images of this run: %.1f ms of one core for each", measured["images"], 1000 * cost)
        return cost
    log.info("run %s: its pace could not be measured before predict (%s)", arguments.run_key, cause)
    return None

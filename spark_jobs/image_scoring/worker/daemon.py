"""The process on an executor that forks Python workers: pyspark.daemon, after the slow imports.

Spark starts it because spark.python.daemon.module names it. The forked workers share what is imported here: they start
at once, and the libraries are in memory only once on each executor.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress

# A task has one core. Besides, threads of numpy would not survive the fork.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from image_scoring.worker.preflight import PreflightError, check_environment

PRELOADED = ("pyspark.worker", "image_scoring.worker.udf", "image_scoring.model.engines.openvino_engine")


def main() -> None:
    try:
        check_environment()
    except PreflightError as error:
        sys.exit(str(error))  # Spark reports the last output of a daemon that does not start
    for module in PRELOADED:
        # If the task needs a module that is missing here, its own ImportError reaches the driver.
        with suppress(ImportError):
            importlib.import_module(module)
    from pyspark.daemon import manager

    manager()


if __name__ == "__main__":
    main()

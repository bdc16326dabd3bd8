"""What Spark starts on an executor to fork its Python workers from: pyspark.daemon, with the imports done before.

Spark names it in spark.python.daemon.module. Forked workers share what is imported here: they start at once, and the
memory of the libraries is there only once on each executor.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress

# Spark puts pyspark.zip first; Python would compile it anew at every start. The installed package is the same.
sys.path.sort(key=lambda entry: entry.endswith(".zip"))
# One task, one core. Threads of numpy's own would also not survive the fork.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from image_scoring.worker.preflight import PreflightError, check_environment

PRELOADED = ("pyspark.worker", "image_scoring.worker.udf", "image_scoring.model.engines.openvino_engine")


def main() -> None:
    try:
        check_environment()
    except PreflightError as error:
        sys.exit(str(error))  # Spark shows what a daemon that does not start has last said
    for module in PRELOADED:
        # What is missing here and needed will be missed in the worker, which can say so to the driver.
        with suppress(ImportError):
            importlib.import_module(module)
    from pyspark.daemon import manager

    manager()


if __name__ == "__main__":
    main()

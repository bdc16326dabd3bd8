"""The entry point of the prediction job for spark-submit."""

from __future__ import annotations

import logging
import sys

from image_scoring.driver.job import run_job
from image_scoring.driver.session import build_session
from run_contract.arguments import JobArguments
from run_contract.errors import BatchPredictionsError


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("image_scoring").setLevel(logging.INFO)
    logging.getLogger("py4j").setLevel(logging.ERROR)
    try:
        progress = run_job(JobArguments.parse(sys.argv[1:]), build_session)
    except BatchPredictionsError as error:
        print(f"error: {error}", flush=True)
        return 1
    print(
        f"predicted {progress.rows_done:,} rows, {progress.errors:,} of them errors, on {progress.cores} cores "
        f"in {progress.elapsed_seconds:.1f} s",
        flush=True,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""spark-submit entry of the prediction job: parse, session, run."""

from __future__ import annotations

import logging
import sys
from concurrent.futures import ThreadPoolExecutor

# spark-submit puts pyspark.zip first; Python would compile it anew at every start. The installed package is the same.
sys.path.sort(key=lambda entry: entry.endswith(".zip"))

from image_scoring.driver.session import build_session, spare_pandas
from image_scoring.model.model_store import is_engine_ready
from run_contract.arguments import JobArguments
from run_contract.errors import BatchPredictionsError


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("image_scoring").setLevel(logging.INFO)
    logging.getLogger("py4j").setLevel(logging.ERROR)
    arguments = JobArguments.parse(sys.argv[1:])
    spare_pandas()
    with ThreadPoolExecutor(1) as pool:
        # A model that has yet to be converted, or is refused, must not hold cores of the cluster meanwhile.
        opening = pool.submit(build_session) if is_engine_ready(arguments) else None
        from image_scoring.driver.job import run_job  # numpy, pandas and pyarrow: imported while the session opens

        try:
            progress = run_job(arguments, opening.result if opening else build_session)
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

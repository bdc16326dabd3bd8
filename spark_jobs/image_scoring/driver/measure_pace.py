"""Measure what one image of a run costs on one core: python -m image_scoring.driver.measure_pace ARGUMENTS.

The arguments are those of predict.py. It reads, decodes, preprocesses and predicts a sample as a Python worker of Spark
does, with the engine that the run will use. A new model is converted first, so that predict finds it ready. The last
line of the output is a PaceMeasurementRecord as JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from image_scoring.driver.scoring import make_scorer_factory
from image_scoring.images.manifest_shards import sample_rows
from image_scoring.model.spec import load_spec
from image_scoring.worker.scorer import Scorer
from run_contract.arguments import JobArguments
from run_contract.errors import BatchPredictionsError
from run_contract.layout import Workspace
from run_contract.records.plan import PaceMeasurementRecord

WARM_UP_IMAGES = 4
SAMPLE_IMAGES = 32
COLUMNS = ["img_path", "size_bytes", "modified_ns"]


def main(argv: list[str]) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    arguments = JobArguments.parse(argv)
    try:
        measured = measure(arguments)
    except BatchPredictionsError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(measured.to_json()))
    return 0


def measure(arguments: JobArguments, clock: Callable[[], float] = time.perf_counter) -> PaceMeasurementRecord:
    """Return the mean cost of an image: the mean and not the median, because the cost of a run is a sum.

    clock: returns seconds. Raises BatchPredictionsError.
    """
    run = Workspace(Path(arguments.workspace)).run(arguments.run_key)
    spec, _ = load_spec(Path(arguments.model))
    factory = make_scorer_factory(arguments, spec, arguments.precision)
    rows = list(sample_rows(run, WARM_UP_IMAGES + SAMPLE_IMAGES, COLUMNS))
    scorer = factory.open()
    _score(scorer, rows[:WARM_UP_IMAGES])
    sample = rows[WARM_UP_IMAGES:] or rows
    start = clock()
    _score(scorer, sample)
    seconds = clock() - start
    return PaceMeasurementRecord(seconds / len(sample), len(sample), factory.engine.name, factory.engine.precision)


def _score(scorer: Scorer, rows: list[dict[str, Any]]) -> None:
    paths, sizes, stamps = (pd.Series([row[column] for row in rows]) for column in COLUMNS)
    scorer.score(paths, sizes, stamps)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

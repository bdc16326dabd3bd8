"""Measure what one image of a run costs on one core: python -m image_scoring.driver.measure_pace, as predict.py.

It reads, decodes, preprocesses and predicts a sample as a Python worker of Spark does, with the engine that the run
will use, and so leaves that converted for predict. The last line it prints is a JSON object.
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

from image_scoring.images.manifest_shards import sample_rows
from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.sample_images import CalibrationImages, verification_images
from image_scoring.model.spec import load_spec
from image_scoring.worker.image_scorer_factory import ImageScorerFactory
from image_scoring.worker.preflight import load_golden_image
from image_scoring.worker.scorer import Scorer
from run_contract.arguments import JobArguments
from run_contract.errors import BatchPredictionsError
from run_contract.files import read_json
from run_contract.layout import Workspace

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
    print(json.dumps(measured))
    return 0


def measure(arguments: JobArguments, clock: Callable[[], float] = time.perf_counter) -> dict[str, Any]:
    """`core_seconds_per_row`, the `images` that it rests on, and the engine and precision that predict will use.

    clock: seconds. The mean, because the cost of a run is a sum. Raises BatchPredictionsError.
    """
    workspace = Workspace(Path(arguments.workspace))
    run = workspace.run(arguments.run_key)
    factory = _prepare(arguments, workspace)
    rows = list(sample_rows(run, WARM_UP_IMAGES + SAMPLE_IMAGES, COLUMNS))
    scorer = factory.open()
    _score(scorer, rows[:WARM_UP_IMAGES])
    sample = rows[WARM_UP_IMAGES:] or rows
    start = clock()
    _score(scorer, sample)
    seconds = clock() - start
    return {
        "core_seconds_per_row": seconds / len(sample),
        "images": len(sample),
        "engine": factory.engine.name,
        "precision": factory.engine.precision,
    }


def _prepare(arguments: JobArguments, workspace: Workspace) -> ImageScorerFactory:
    run = workspace.run(arguments.run_key)
    spec, _ = load_spec(Path(arguments.model))
    root = Path(read_json(run.manifest_summary)["root"])
    choice = choose_engine(
        workspace,
        Path(arguments.model),
        spec,
        arguments.engine,
        arguments.precision,
        verification_images(run, root, spec),
        CalibrationImages(run, root, spec),
    )
    golden_image = load_golden_image(spec, choice, workspace.converted_models)
    return ImageScorerFactory(str(root), spec, choice, golden_image, arguments.image_timeout)


def _score(scorer: Scorer, rows: list[dict[str, Any]]) -> None:
    paths, sizes, stamps = (pd.Series([row[column] for row in rows]) for column in COLUMNS)
    scorer.score(paths, sizes, stamps)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

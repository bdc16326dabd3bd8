"""The settings of a deployment, from environment variables, read when the DAG is parsed."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import run_contract
from run_contract.layout import deployed_workspace

REPOSITORY = Path(__file__).resolve().parents[2]

WORKSPACE = deployed_workspace()

START_DATE = datetime.fromisoformat(os.environ.get("BATCH_PREDICTIONS_START_DATE") or "2026-01-01").replace(tzinfo=UTC)
"""The first day (UTC) of the schedule."""

RETRY_DELAY = timedelta(seconds=float(os.environ.get("BATCH_PREDICTIONS_RETRY_SECONDS") or 30))
"""The wait before the first retry of a task; it doubles with each retry."""

SPARK_PROPERTIES = os.environ.get("BATCH_PREDICTIONS_SPARK_PROPERTIES") or None
"""A properties file for spark-submit, which keeps secrets out of its command line."""

SAMPLE = REPOSITORY / "sample" / "images"
MODEL = REPOSITORY / "models" / "cats_vs_dogs.h5"

SPARK_JOBS = Path(run_contract.__file__).resolve().parents[1]
"""The directory of predict.py and of the packages it imports, in the repository as in an installation by pip."""

"""The entry point of `make bench-scale` for spark-submit: the job's waves and commits, but no image is opened."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np  # noqa: TID253 (a program of its own)
import pandas as pd  # noqa: TID253

from benchmarks.scale_stage import LABELS
from image_scoring.driver.attempt import begin_attempt
from image_scoring.driver.job import load_run, run_waves
from image_scoring.driver.session import build_session, equip_workers
from image_scoring.worker.scorer import ScoreCounts
from run_contract.layout import Workspace
from run_contract.table import ERROR, PREDICTED


class NoopScorer:
    """Derives rows from the sizes in the manifest: one in a hundred is an error row."""

    def score(self, paths: pd.Series, sizes: pd.Series, stamps: pd.Series) -> pd.DataFrame:
        share = (sizes % 1000).to_numpy() / 1000
        bad = (sizes % 100 == 0).to_numpy()
        return pd.DataFrame(
            {
                "prediction": pd.Series(np.where(share > 0.5, LABELS[1], LABELS[0]), dtype=object).mask(bad),
                "probability": pd.Series(share, dtype="Float32").mask(bad),
                "status": np.where(bad, ERROR, PREDICTED),
                "error": pd.Series("undecodable: invented", index=range(len(bad)), dtype=object).where(bad),
            }
        )

    def take_counts(self) -> ScoreCounts:
        return ScoreCounts()


@dataclass(frozen=True)
class NoopScorerFactory:
    model_id: str = "noop@000000000000"

    def open(self) -> NoopScorer:
        return NoopScorer()

    def open_isolated(self) -> NoopScorer:
        return NoopScorer()


def main(workspace: str, run_key: str) -> None:
    with begin_attempt(Workspace(Path(workspace)), run_key) as attempt:
        load_run(attempt)
        spark = build_session()
        try:
            equip_workers(spark, attempt.workspace, "openvino")
            run_waves(attempt, spark, NoopScorerFactory())
        finally:
            spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Score only the images that the base run has no result for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from image_scoring.worker.incremental import BaseRun, BaseRunResults
from image_scoring.worker.scorer import ScoreCounts, Scorer


class IncrementalScorer:
    """Takes the results of the base run and scores the remaining images with a scorer that it opens when needed."""

    def __init__(self, open_scorer: Callable[[], Scorer], base_run: BaseRun) -> None:
        self._open_scorer = open_scorer
        self._base_results = BaseRunResults(base_run)
        self._scorer: Scorer | None = None
        self._carried = 0

    def score(self, paths: pd.Series, sizes: pd.Series, stamps: pd.Series) -> pd.DataFrame:
        result, found = self._base_results.find(paths, sizes, stamps)
        self._carried += int(found.sum())
        if found.all():
            return result
        self._scorer = self._scorer or self._open_scorer()
        fresh = self._scorer.score(paths[~found], sizes[~found], stamps[~found])
        fresh.index = result.index[~found]
        return pd.concat([result[found], fresh]).sort_index()

    def take_counts(self) -> ScoreCounts:
        carried, self._carried = self._carried, 0
        return replace(self._scorer.take_counts() if self._scorer else ScoreCounts(), carried=carried)

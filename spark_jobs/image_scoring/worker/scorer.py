"""The interfaces between the Pandas UDF and what scores images in a Python worker."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

import pandas as pd


@dataclass(frozen=True)
class ScoreCounts:
    """What a scorer did; the fields are those of ShardCounts."""

    carried: int = 0
    rerun: int = 0
    rechecked: int = 0
    flips: int = 0

    def __add__(self, other: ScoreCounts) -> ScoreCounts:
        return ScoreCounts(
            self.carried + other.carried,
            self.rerun + other.rerun,
            self.rechecked + other.rechecked,
            self.flips + other.flips,
        )


class Scorer(Protocol):
    """Scores batches of manifest rows. Not thread safe: one in each Python worker."""

    def score(self, paths: pd.Series, sizes: pd.Series, stamps: pd.Series) -> pd.DataFrame:
        """Return one row of udf.RESULT_SCHEMA for each image, in order; an image that cannot be read is an error row.

        paths: img_path; sizes: bytes; stamps: modification time in ns; all as in the manifest.
        """
        ...

    def take_counts(self) -> ScoreCounts:
        """Return the counts since the last call."""
        ...


class ScorerFactory(Hashable, Protocol):
    """Opens scorers in a Python worker. Pickled with each Spark task; equal factories share one open scorer."""

    @property
    def model_id(self) -> str:
        """The value of the column `model`."""
        ...

    def open(self) -> Scorer:
        """Open the fast scorer, which an image may crash."""
        ...

    def open_isolated(self) -> Scorer:
        """Open the slow scorer, which no image can crash."""
        ...

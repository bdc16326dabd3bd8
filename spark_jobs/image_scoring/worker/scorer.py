"""What scores a batch of manifest rows in a Python worker."""

from __future__ import annotations

from typing import Protocol

import pandas as pd


class Scorer(Protocol):
    """Not thread safe: one per Python worker."""

    def score(self, paths: pd.Series, sizes: pd.Series, stamps: pd.Series) -> pd.DataFrame:
        """One row of udf.RESULT_SCHEMA per image, in order; an image that cannot be read is an error row.

        paths: img_path; sizes: bytes; stamps: modification time in ns, all as in the manifest.
        """
        ...

    def take_counts(self) -> dict[str, int]:
        """What was done since the last call: images carried over, predicted again and checked."""
        ...

"""How a manifest is cut into shards."""

from __future__ import annotations

import math
from collections.abc import Iterator

# SHARDS_OF_ONE_SIZE shards of FIRST_SHARD_ROWS rows, as many of twice that, and so on up to LAST_SHARD_ROWS.
FIRST_SHARD_ROWS, LAST_SHARD_ROWS, SHARDS_OF_ONE_SIZE = 512, 4096, 16


def shard_sizes() -> Iterator[int]:
    """Yield the number of rows of shard 0, 1, 2, and so on without end; only the last shard of a manifest is smaller.

    Small shards come first so that the cores of a small run share its rows evenly; large ones follow so that a large
    run spends its time on images and not on tasks.
    """
    rows = FIRST_SHARD_ROWS
    while True:
        for _ in range(SHARDS_OF_ONE_SIZE):
            yield rows
        rows = min(2 * rows, LAST_SHARD_ROWS)


def next_shard_rows(rows: float) -> float:
    """Return the number of rows of the shard that follows the first `rows` rows of a manifest."""
    doublings = math.log2(rows / (SHARDS_OF_ONE_SIZE * FIRST_SHARD_ROWS) + 1)
    return float(min(FIRST_SHARD_ROWS * 2 ** int(doublings), LAST_SHARD_ROWS))

"""Read the results of a scorer."""

from __future__ import annotations

import pandas as pd

COLUMNS = {"prediction": "object", "probability": "Float32", "status": "object", "error": "object"}
"""The dtypes of udf.RESULT_SCHEMA."""


def dtypes_of(result: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(dtype) for name, dtype in result.dtypes.items()}


def values_of(result: pd.DataFrame) -> list[float | None]:
    """Return the brightness of each image, 0 to 255, as the probabilities of the brightness model give it."""
    return [None if pd.isna(value) else round(float(value) * 255) for value in result["probability"]]

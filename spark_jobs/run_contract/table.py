"""The columns of the prediction table and what they may hold."""

from __future__ import annotations

PREDICTED = "predicted"
ERROR = "error"
PREDICTION_COLUMNS = ("img_path", "prediction", "probability", "status", "error", "model")
# The key of gallery.parquet's metadata: how many rows of the run are of which kind.
GALLERY_STRATA = "batch_predictions.strata"

"""The columns of the table of predictions, and their fixed values."""

from __future__ import annotations

PREDICTION_COLUMNS = ("img_path", "prediction", "probability", "status", "error", "model")
# The values of the column status.
PREDICTED = "predicted"
ERROR = "error"
# The key of the metadata of gallery.parquet under which its GalleryRecord is kept.
GALLERY_STRATA = "batch_predictions.strata"

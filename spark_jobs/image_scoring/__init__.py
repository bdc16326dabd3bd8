"""The prediction job: from a manifest of image paths to a table of predictions."""

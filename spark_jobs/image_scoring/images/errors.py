"""Why an image has no prediction."""

from __future__ import annotations

# The reasons of an ImageError that the same bytes will have again; any other may pass.
CONTENT_REASONS = ("empty", "too large", "not an image", "undecodable", "crashed", "hung")


class ImageError(Exception):
    """Why one file has no prediction, as `reason` or `reason: detail`; the text of its error row."""

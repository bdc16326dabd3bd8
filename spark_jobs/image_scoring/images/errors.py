"""The error of an image that cannot be predicted."""

from __future__ import annotations

# The reasons that recur for the same bytes; any other reason may be temporary.
CONTENT_REASONS = ("empty", "too large", "not an image", "undecodable", "crashed", "hung")


class ImageError(Exception):
    """An image that cannot be predicted. Its text, `reason` or `reason: detail`, becomes the text of the error row."""

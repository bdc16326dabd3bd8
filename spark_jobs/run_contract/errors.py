"""The errors that a person can act on."""

from __future__ import annotations


class BatchPredictionsError(Exception):
    """A failure with a known cause. Its text is one line: what failed, the object, the cause, the next step.

    A retry does not help unless somebody changes something.
    """


class TemporaryError(BatchPredictionsError):
    """A failure that may end by itself, such as a network that is down: worth a retry."""

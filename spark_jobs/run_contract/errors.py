"""Failures that a person can act on."""

from __future__ import annotations


class BatchPredictionsError(Exception):
    """A failure we can explain: what failed, the object, the cause, what to do next, in one line.

    Trying again does not help unless somebody changes something.
    """


class TemporaryError(BatchPredictionsError):
    """A failure that may pass by itself, such as a network that is down: worth a retry."""

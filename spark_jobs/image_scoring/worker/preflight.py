"""Check that a Python worker has the driver's versions, before it imports the libraries.

worker.golden_image checks afterwards that it computes the same.
"""

from __future__ import annotations

import json
import os
import socket

from image_scoring.model.versions import versions

ENVIRONMENT = "BATCH_PREDICTIONS_VERSIONS"
"""The environment variable that carries the driver's versions to the Python workers, as JSON."""


class PreflightError(Exception):
    """A Python worker must not predict. The message is one line: its host, what was found, what was expected."""

    def __init__(self, what: str, expected: str, found: str, next_step: str) -> None:
        host = socket.gethostname()
        super().__init__(f"preflight: host {host}: {what} {found} found, {expected} expected; {next_step}")


def check_versions(expected: dict[str, str], found: dict[str, str]) -> None:
    """Raise PreflightError at the first version that differs."""
    for name, version in expected.items():
        if found.get(name) != version:
            raise PreflightError(
                name, version, found.get(name, "none"), "install the driver's versions there, see docs/own-cluster.md"
            )


def check_environment() -> None:
    """Compare this interpreter with the driver's versions in ENVIRONMENT; do nothing without them.

    Raises PreflightError.
    """
    expected = json.loads(os.environ.get(ENVIRONMENT, "{}"))
    check_versions(expected, versions(tuple(expected)))

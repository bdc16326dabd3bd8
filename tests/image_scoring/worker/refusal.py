"""Run a preflight check that must refuse this worker."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from image_scoring.worker.preflight import PreflightError

HOST = f"preflight: host {socket.gethostname()}: "


def refusal(check: Callable[[], None]) -> str:
    """Return the message of the PreflightError that `check` raises, without its beginning."""
    with pytest.raises(PreflightError) as error:
        check()
    text = str(error.value)
    assert text.startswith(HOST)
    assert "\n" not in text
    return text.removeprefix(HOST)

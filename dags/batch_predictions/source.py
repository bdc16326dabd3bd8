"""Check the source of the images before any work is done. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from run_contract.errors import BatchPredictionsError

SCHEMES = ("http", "https", "file")


def refuse(source: str, cause: str) -> BatchPredictionsError:
    return BatchPredictionsError(f"source {source}: {cause}")


def is_url(source: str) -> bool:
    return urlsplit(source).scheme in ("http", "https")


def local_path(source: str) -> Path:
    """Return the path of a plain path or a file:// URL."""
    return Path(unquote(urlsplit(source).path)) if source.startswith("file://") else Path(source)


def check_source(source: str) -> None:
    """Raise BatchPredictionsError if the source cannot work, as far as that shows without reading it."""
    if not source.strip():
        raise BatchPredictionsError("source: it is empty; give a URL, an archive or a directory")
    if "://" in source:
        try:
            parts = urlsplit(source)
            _ = parts.port  # raises ValueError if it is not a port
        except ValueError as error:
            raise refuse(source, f"not a valid URL ({error}); correct it") from None
        if parts.scheme not in SCHEMES:
            raise refuse(source, f"unsupported scheme {parts.scheme!r}; use {', '.join(SCHEMES)} or a path")
        if is_url(source):
            if not parts.hostname:
                raise refuse(source, "the URL has no host; correct it")
            return
    path = local_path(source)
    if not path.is_absolute():
        raise refuse(source, "a relative path; give an absolute one, because Airflow runs in another directory")
    if not path.exists():
        raise refuse(source, "no such file or directory; check the path on the machine of the Airflow worker")
    if not os.access(path, os.R_OK):
        raise refuse(source, "it cannot be read by this user; fix its permissions")

"""The HTTP headers that a resumed download depends on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import ClassVar

import httpx

from run_contract.record import Record


@dataclass(frozen=True)
class Validators(Record):
    """What distinguishes two versions of a resource (RFC 9110, section 8.8); kept beside each downloaded file."""

    written_by: ClassVar[str] = "the task download"

    etag: str | None = None
    last_modified: str | None = None

    @classmethod
    def of(cls, response: httpx.Response) -> Validators:
        return cls(response.headers.get("ETag"), response.headers.get("Last-Modified"))

    @property
    def strong(self) -> str | None:
        """The value for If-Range, where a weak ETag is not allowed (RFC 9110, section 13.1.5)."""
        if self.etag:
            return None if self.etag.startswith("W/") else self.etag
        return self.last_modified

    def conditional_headers(self) -> dict[str, str]:
        """Return the headers that ask for the resource only if it has changed."""
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}

    def match(self, partial: httpx.Response) -> bool:
        """Return whether a 206 response is of this version. It may omit Last-Modified (RFC 9110, section 15.3.7)."""
        found = Validators.of(partial)
        return found.etag == self.etag if found.etag else found.last_modified in (None, self.last_modified)


def total_bytes(response: httpx.Response) -> int | None:
    """Return the size of the whole file, None if the server does not send it. A 206 may contain only a part."""
    if response.status_code == 206:
        return int(response.headers["Content-Range"].rpartition("/")[2])
    length = response.headers.get("Content-Length")
    return int(length) if length else None


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that a Retry-After header asks to wait; it holds a number or a date."""
    value = response.headers.get("Retry-After", "")
    if value.isdecimal():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return None

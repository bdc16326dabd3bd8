"""One file over HTTP: resumed, never spliced, never without bounds."""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.files import exclusive, read_json, remove, write_json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """Where a download is given up."""

    max_bytes: int = 2 * 1024**4
    max_seconds: float = 6 * 3600.0
    slow_bytes_per_second: float = 1024.0
    slow_for_seconds: float = 60.0
    idle_seconds: float = 60.0
    attempts: int = 4
    max_wait_seconds: float = 120.0
    max_redirects: int = 5
    keep_free_bytes: int = 256 * 1024**2


class Interrupted(Exception):
    """The transfer broke; what is there can be resumed. `wait_seconds`: what the server asked for."""

    def __init__(self, cause: str, wait_seconds: float | None = None) -> None:
        super().__init__(cause)
        self.wait_seconds = wait_seconds


class Download:
    """One URL on its way to one file. `file` is whole once `fetch` has returned."""

    def __init__(self, url: str, directory: Path, limits: Limits | None = None) -> None:
        self.url = url
        self.limits = limits or Limits()
        name = sha256(url.encode()).hexdigest()[:16]
        self.file = directory / name
        self._part = directory / f"{name}.part"
        self._validators = directory / f"{name}.json"
        self._part_validators = directory / f"{name}.part.json"

    def fetch(self) -> Path:
        """Downloads the URL, or finds with one conditional request that the file is still the same.

        Two fetchers of one URL take turns, and the second finds the work done. Raises BatchPredictionsError when
        trying again does not help, TemporaryError when it may.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._deadline = time.monotonic() + self.limits.max_seconds
        with exclusive(self.file.with_suffix(".lock")), self._client() as client:
            for attempt in range(1, self.limits.attempts + 1):
                try:
                    return self._try(client)
                except Interrupted as error:
                    cause, wait = str(error), error.wait_seconds
                except httpx.TransportError as error:
                    cause, wait = f"{type(error).__name__}: {error}".rstrip(": "), None
                if attempt < self.limits.attempts:
                    self._pause(cause, attempt, wait)
            raise TemporaryError(
                f"source {self.url}: {cause}, after {attempt} tries; check that the server is up and run again"
            )

    def _client(self) -> httpx.Client:
        return httpx.Client(
            timeout=self.limits.idle_seconds, follow_redirects=False, headers={"Accept-Encoding": "identity"}
        )

    def _pause(self, cause: str, attempt: int, wait: float | None) -> None:
        seconds = min(wait if wait is not None else 2.0 ** (attempt - 1), self.limits.max_wait_seconds)
        seconds = min(seconds, max(self._deadline - time.monotonic(), 0.0))
        log.warning("source %s: %s; try %d follows in %.0f s", self.url, cause, attempt + 1, seconds)
        time.sleep(seconds)

    def _try(self, client: httpx.Client) -> Path:
        with self._open(client) as response:
            if response.status_code == 304:
                log.info("source %s: not changed since the last download", self.url)
                return self.file
            start = self._resume_point(response)
            self._receive(response, start)
        # In this order: a kill in between leaves the new file with old validators, which only cost a transfer.
        os.replace(self._part, self.file)
        os.replace(self._part_validators, self._validators)
        return self.file

    @contextmanager
    def _open(self, client: httpx.Client) -> Iterator[httpx.Response]:
        """The response after redirects, with a status that has a body to read, or 304."""
        url = httpx.URL(self.url)
        for _ in range(self.limits.max_redirects + 1):
            with client.stream("GET", url, headers=self._request_headers()) as response:
                if response.has_redirect_location:
                    url = url.join(response.headers["Location"])
                    if urlsplit(str(url)).scheme not in ("http", "https"):
                        raise self._refuse(f"it redirects to {url}, which is not a web address")
                    continue
                self._check_status(response)
                yield response
                return
        raise self._refuse(f"more than {self.limits.max_redirects} redirects; give the final address")

    def _request_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        validator = _strong_validator(read_json(self._part_validators) or {})
        if validator and self._part.exists() and self._part.stat().st_size:
            headers = {"Range": f"bytes={self._part.stat().st_size}-", "If-Range": validator}
        elif self.file.exists():
            known = read_json(self._validators) or {}
            if known.get("etag"):
                headers["If-None-Match"] = known["etag"]
            if known.get("last_modified"):
                headers["If-Modified-Since"] = known["last_modified"]
        return headers

    def _check_status(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == 416:
            remove(self._part)
            raise Interrupted("the server refused to resume, starting over", 0.0)
        if status in (408, 425, 429) or status >= 500:
            raise Interrupted(f"the server answered {status} {response.reason_phrase}", _retry_after(response))
        if status not in (200, 206, 304):
            raise self._refuse(
                f"the server answered {status} {response.reason_phrase}; check the address and the access rights"
            )

    def _resume_point(self, response: httpx.Response) -> int:
        """The offset that the body starts at. Anything but the exact continuation starts over."""
        if response.status_code != 206:
            remove(self._part)
            self._save_validators(response)
            return 0
        have = self._part.stat().st_size if self._part.exists() else 0
        known = read_json(self._part_validators) or {}
        etag, last_modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
        # A 206 need not repeat Last-Modified (RFC 9110, section 15.3.7).
        same = etag == known.get("etag") if etag else last_modified in (None, known.get("last_modified"))
        if not same or not re.fullmatch(rf"bytes {have}-\d+/\d+", response.headers.get("Content-Range", "")):
            remove(self._part)
            raise Interrupted("the server did not resume where the transfer broke, starting over", 0.0)
        log.info("source %s: resuming at %s bytes", self.url, f"{have:,}")
        return have

    def _save_validators(self, response: httpx.Response) -> None:
        headers = response.headers
        write_json(self._part_validators, asdict(Validators(headers.get("ETag"), headers.get("Last-Modified"))))

    def _receive(self, response: httpx.Response, start: int) -> None:
        total = _total_bytes(response)
        self._check_size(total or start)
        if total is not None:
            self._check_space(total - start)
        received, watch = start, _SpeedWatch(self.limits)
        try:
            with open(self._part, "ab") as file:
                for chunk in response.iter_raw():
                    file.write(chunk)
                    received += len(chunk)
                    self._check_size(received)
                    watch.add(len(chunk))
                    if watch.too_slow() or time.monotonic() > self._deadline:
                        raise self._slow(received)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:  # also what the buffer could not write when it was flushed or closed
            raise self._no_space(f"writing failed ({error.strerror})") from None
        if total is not None and received != total:
            raise Interrupted(f"the connection closed at {received:,} of {total:,} bytes")

    def _check_size(self, size: int) -> None:
        if size > self.limits.max_bytes:
            remove(self._part)
            raise self._refuse(f"more than {self.limits.max_bytes:,} bytes; give a smaller archive")

    def _check_space(self, need: int) -> None:
        free = shutil.disk_usage(self._part.parent).free
        if need + self.limits.keep_free_bytes > free:
            raise self._no_space(f"it needs {need + self.limits.keep_free_bytes:,} bytes, {free:,} are free")

    def _no_space(self, cause: str) -> TemporaryError:
        return TemporaryError(f"source {self.url}: {cause} in {self._part.parent}; make room and run again")

    def _slow(self, received: int) -> TemporaryError:
        return TemporaryError(
            f"source {self.url}: too slow, {received:,} bytes so far; it goes on from there when it is run again"
        )

    def _refuse(self, cause: str) -> BatchPredictionsError:
        return BatchPredictionsError(f"source {self.url}: {cause}")


@dataclass(frozen=True)
class Validators:
    """What tells one version of a resource from the next (RFC 9110, section 8.8)."""

    etag: str | None
    last_modified: str | None


def _strong_validator(known: dict[str, str | None]) -> str | None:
    """What may stand in If-Range: a weak ETag must not (RFC 9110, section 13.1.5)."""
    etag = known.get("etag")
    return etag if etag and not etag.startswith("W/") else known.get("last_modified") if not etag else None


def _total_bytes(response: httpx.Response) -> int | None:
    """Size of the whole file, None when the server does not say. A 206 may hold less than the rest of it."""
    if response.status_code == 206:
        return int(response.headers["Content-Range"].rpartition("/")[2])
    length = response.headers.get("Content-Length")
    return int(length) if length else None


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds from a Retry-After header, which is a number or a date."""
    value = response.headers.get("Retry-After", "")
    if value.isdecimal():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return None


class _SpeedWatch:
    """Notices a transfer that stays below the slowest rate for too long."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._window_start, self._window_bytes = time.monotonic(), 0

    def add(self, count: int) -> None:
        self._window_bytes += count

    def too_slow(self) -> bool:
        seconds = time.monotonic() - self._window_start
        if seconds < self._limits.slow_for_seconds:
            return False
        slow = self._window_bytes / seconds < self._limits.slow_bytes_per_second
        self._window_start, self._window_bytes = time.monotonic(), 0
        return slow

"""Download one file over HTTP: resumed after a break, never mixed from two versions, always within limits."""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from batch_predictions.fetch_limits import Limits, SpeedCheck
from batch_predictions.http_headers import Validators, retry_after, total_bytes
from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.files import exclusive, remove
from run_contract.formatting import count, duration
from run_contract.record import read_readable, write_record

log = logging.getLogger(__name__)


class Interrupted(Exception):
    """The transfer broke and can be resumed. wait_seconds: the pause that the server asked for."""

    def __init__(self, cause: str, wait_seconds: float | None = None) -> None:
        super().__init__(cause)
        self.wait_seconds = wait_seconds


class Download:
    """The download of one URL into one file, `file`, which is complete once `fetch` has returned."""

    def __init__(self, url: str, directory: Path, limits: Limits | None = None) -> None:
        self.url = url
        self.limits = limits or Limits()
        name = sha256(url.encode()).hexdigest()[:16]
        self.file = directory / name
        self._part = directory / f"{name}.part"
        self._validators = directory / f"{name}.json"
        self._part_validators = directory / f"{name}.part.json"

    def fetch(self) -> Path:
        """Download the URL, unless one conditional request shows that the file is unchanged; return the file.

        Concurrent downloads of one URL take turns, and the second finds the file. Raises TemporaryError if another
        attempt may succeed, otherwise BatchPredictionsError.
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
                f"source {self.url}: {cause}, after {count(attempt, 'attempt')}; check that the server is up, then "
                "run the task download again"
            )

    def _client(self) -> httpx.Client:
        return httpx.Client(
            timeout=self.limits.idle_seconds, follow_redirects=False, headers={"Accept-Encoding": "identity"}
        )

    def _pause(self, cause: str, attempt: int, wait: float | None) -> None:
        seconds = min(wait if wait is not None else 2.0 ** (attempt - 1), self.limits.max_wait_seconds)
        seconds = min(seconds, max(self._deadline - time.monotonic(), 0.0))
        log.warning("source %s: %s; attempt %d follows in %s", self.url, cause, attempt + 1, duration(seconds))
        time.sleep(seconds)

    def _try(self, client: httpx.Client) -> Path:
        with self._open(client) as response:
            if response.status_code == 304:
                log.info("source %s: not changed since the last download", self.url)
                return self.file
            start = self._resume_point(response)
            self._receive(response, start)
        # In this order: a kill in between leaves the new file with old validators, which only costs a transfer.
        os.replace(self._part, self.file)
        os.replace(self._part_validators, self._validators)
        return self.file

    @contextmanager
    def _open(self, client: httpx.Client) -> Iterator[httpx.Response]:
        """Yield the response after redirects; its status is 200, 206 or 304."""
        url = httpx.URL(self.url)
        for _ in range(self.limits.max_redirects + 1):
            with client.stream("GET", url, headers=self._request_headers()) as response:
                if response.has_redirect_location:
                    url = url.join(response.headers["Location"])
                    if urlsplit(str(url)).scheme not in ("http", "https"):
                        raise self._refuse(f"it redirects to {url}, which is not a web address; give the final address")
                    continue
                self._check_status(response)
                yield response
                return
        raise self._refuse(f"more than {self.limits.max_redirects} redirects; give the final address")

    def _request_headers(self) -> dict[str, str]:
        resumable = self._part.exists() and self._part.stat().st_size
        if resumable and (validator := self._known(self._part_validators).strong):
            return {"Range": f"bytes={resumable}-", "If-Range": validator}
        return self._known(self._validators).conditional_headers() if self.file.exists() else {}

    def _check_status(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == 416:
            remove(self._part)
            raise Interrupted("the server refused to resume, starting over", 0.0)
        if status in (408, 425, 429) or status >= 500:
            raise Interrupted(f"the server answered {status} {response.reason_phrase}", retry_after(response))
        if status not in (200, 206, 304):
            raise self._refuse(
                f"the server answered {status} {response.reason_phrase}; check the address and the access rights"
            )

    def _resume_point(self, response: httpx.Response) -> int:
        """Return the offset at which the body starts. Anything but the exact continuation starts over."""
        if response.status_code != 206:
            remove(self._part)
            write_record(self._part_validators, Validators.of(response))
            return 0
        have = self._part.stat().st_size if self._part.exists() else 0
        same = self._known(self._part_validators).match(response)
        if not same or not re.fullmatch(rf"bytes {have}-\d+/\d+", response.headers.get("Content-Range", "")):
            remove(self._part)
            raise Interrupted("the server did not resume where the transfer broke, starting over", 0.0)
        log.info("source %s: resuming at %s", self.url, count(have, "byte"))
        return have

    def _known(self, path: Path) -> Validators:
        return read_readable(Validators, path) or Validators()

    def _receive(self, response: httpx.Response, start: int) -> None:
        total = total_bytes(response)
        self._check_size(total or start)
        if total is not None:
            self._check_space(total - start)
        received, speed = start, SpeedCheck(self.limits)
        try:
            with open(self._part, "ab") as file:
                for chunk in response.iter_raw():
                    file.write(chunk)
                    received += len(chunk)
                    self._check_size(received)
                    speed.add(len(chunk))
                    if speed.too_slow() or time.monotonic() > self._deadline:
                        raise self._slow(received)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:  # also raised by flush and close, when the disk is full
            raise self._no_space(f"writing failed ({error.strerror})") from None
        if total is not None and received != total:
            raise Interrupted(f"the connection closed at {count(received)} of {count(total, 'byte')}")

    def _check_size(self, size: int) -> None:
        if size > self.limits.max_bytes:
            remove(self._part)
            raise self._refuse(f"more than {count(self.limits.max_bytes, 'byte')}; give a smaller archive")

    def _check_space(self, need: int) -> None:
        free = shutil.disk_usage(self._part.parent).free
        if need + self.limits.keep_free_bytes > free:
            need += self.limits.keep_free_bytes
            raise self._no_space(f"it needs {count(need, 'byte')}, but {count(free)} are free")

    def _no_space(self, cause: str) -> TemporaryError:
        return TemporaryError(
            f"source {self.url}: {cause} in {self._part.parent}; free some space, then run the task download again"
        )

    def _slow(self, received: int) -> TemporaryError:
        return TemporaryError(
            f"source {self.url}: too slow, {count(received, 'byte')} so far; run the task download again to resume it"
        )

    def _refuse(self, cause: str) -> BatchPredictionsError:
        return BatchPredictionsError(f"source {self.url}: {cause}")

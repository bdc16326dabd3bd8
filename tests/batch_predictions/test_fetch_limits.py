"""A download always ends, with the file or with an error that names the URL and the cause."""

from __future__ import annotations

import resource as os_limits
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from batch_predictions import fetch
from batch_predictions.fetch import Download
from batch_predictions.fetch_limits import Limits
from run_contract.errors import BatchPredictionsError, TemporaryError
from tests.batch_predictions.misbehaving_server import Answer, endless, redirect, reply, resource, serve

CONTENT = b"zip" * 20_000
QUICK = Limits(max_wait_seconds=0.01, idle_seconds=5.0)
PAST, FUTURE = "Mon, 06 Jan 2025 08:00:00 GMT", "Fri, 06 Jan 2225 08:00:00 GMT"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each pause; the test does not wait."""
    seconds: list[float] = []
    monkeypatch.setattr(fetch, "time", SimpleNamespace(monotonic=time.monotonic, sleep=seconds.append))
    return seconds


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let the operating system refuse to write more than `size` bytes into one file."""
    soft, hard = os_limits.getrlimit(os_limits.RLIMIT_FSIZE)
    os_limits.setrlimit(os_limits.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        os_limits.setrlimit(os_limits.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "cap", "wait"),
    [
        pytest.param("0", 1.1, 0.0, id="seconds"),
        pytest.param(PAST, 1.1, 0.0, id="date in the past"),
        pytest.param("soon", 0.02, 0.02, id="nonsense"),
        pytest.param("²", 0.02, 0.02, id="no decimal"),
    ],
)
def test_retry_after(
    tmp_path: Path, waits: list[float], status: int, retry_after: str, cap: float, wait: float
) -> None:
    with serve(reply(status, headers={"Retry-After": retry_after}), resource(CONTENT)) as server:
        Download(server.url, tmp_path, Limits(max_wait_seconds=cap)).fetch()
    assert waits == [wait]
    assert server.statuses == [status, 200]


@pytest.mark.parametrize("retry_after", ["86400", FUTURE])
def test_retry_after_has_a_cap(tmp_path: Path, waits: list[float], retry_after: str) -> None:
    """The cap is longer than the one second without the header, so that the two differ."""
    with serve(reply(503, headers={"Retry-After": retry_after}), resource(CONTENT)) as server:
        Download(server.url, tmp_path, Limits(max_wait_seconds=1.05, max_seconds=20.0)).fetch()
    assert waits == [1.05]


def test_no_pause_goes_past_the_deadline(tmp_path: Path, waits: list[float]) -> None:
    with serve(reply(503, headers={"Retry-After": "86400"})) as server, pytest.raises(TemporaryError):
        Download(server.url, tmp_path, Limits(max_seconds=0.0, attempts=3)).fetch()
    assert waits == [0.0, 0.0]


@pytest.mark.parametrize("status", [500, 504, 408, 425])
def test_three_bad_answers_and_then_the_file(tmp_path: Path, status: int) -> None:
    bad = reply(status, b"<html>busy</html>")
    with serve(bad, bad, bad, resource(CONTENT)) as server:
        assert Download(server.url, tmp_path, QUICK).fetch().read_bytes() == CONTENT
    assert server.statuses == [status, status, status, 200]


def test_given_up_after_the_last_try(tmp_path: Path) -> None:
    with serve(reply(500)) as server, pytest.raises(TemporaryError) as caught:
        Download(server.url, tmp_path, QUICK).fetch()
    assert len(server.requests) == QUICK.attempts
    expected = f"source {server.url}: the server answered 500 Internal Server Error, after {QUICK.attempts} attempts"
    assert expected in str(caught.value)


def test_nobody_listens(tmp_path: Path) -> None:
    with serve() as server:
        pass
    with pytest.raises(TemporaryError, match=rf"{server.url}: ConnectError.*after {QUICK.attempts} attempts"):
        Download(server.url, tmp_path, QUICK).fetch()


@pytest.mark.parametrize("status", [204, 401, 403, 404])
def test_refused_at_the_first_answer(tmp_path: Path, status: int) -> None:
    with serve(reply(status)) as server, pytest.raises(BatchPredictionsError) as caught:
        Download(server.url, tmp_path, QUICK).fetch()
    assert not isinstance(caught.value, TemporaryError)
    assert f"source {server.url}: the server answered {status} " in str(caught.value)
    assert len(server.requests) == 1


def test_redirect_is_followed(tmp_path: Path) -> None:
    with serve(redirect("/elsewhere.zip"), resource(CONTENT)) as server:
        assert Download(server.url, tmp_path, QUICK).fetch().read_bytes() == CONTENT


def test_redirect_loop(tmp_path: Path) -> None:
    with serve(redirect("/data.zip")) as server, pytest.raises(BatchPredictionsError, match="more than 5 redirects"):
        Download(server.url, tmp_path, QUICK).fetch()
    assert len(server.requests) == QUICK.max_redirects + 1


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/data.zip"])
def test_redirect_away_from_the_web(tmp_path: Path, location: str) -> None:
    with (
        serve(redirect(location)) as server,
        pytest.raises(BatchPredictionsError, match=r"it redirects to f.*, which is not"),
    ):
        Download(server.url, tmp_path, QUICK).fetch()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("limits", "answer", "error", "cause"),
    [
        pytest.param(
            Limits(slow_bytes_per_second=1e12, slow_for_seconds=0.05),
            endless(pause_seconds=0.001),
            TemporaryError,
            "too slow, [0-9,]+ bytes so far",
            id="too slow",
        ),
        pytest.param(
            Limits(max_seconds=0.1),
            endless(pause_seconds=0.001),
            TemporaryError,
            "too slow, [0-9,]+ bytes",
            id="too long",
        ),
        pytest.param(Limits(max_bytes=100_000), endless(), BatchPredictionsError, "more than 100,000", id="endless"),
        pytest.param(
            Limits(max_bytes=59_999), resource(CONTENT), BatchPredictionsError, "more than 59,999", id="too large"
        ),
        pytest.param(Limits(keep_free_bytes=2**62), resource(CONTENT), TemporaryError, "free some", id="no space"),
    ],
)
def test_given_up_without_a_second_request(
    tmp_path: Path, limits: Limits, answer: Answer, error: type[Exception], cause: str
) -> None:
    with serve(answer) as server, pytest.raises(error, match=f"source {server.url}: .*{cause}") as caught:
        Download(server.url, tmp_path, limits).fetch()
    assert type(caught.value) is error
    assert len(server.requests) == 1
    assert not Download(server.url, tmp_path).file.exists()


@pytest.mark.parametrize("size", [6_000, 60_000])
def test_disk_that_fills_up_while_writing(tmp_path: Path, size: int) -> None:
    with (
        serve(resource(CONTENT[:size])) as server,
        files_of_at_most(4096),
        pytest.raises(TemporaryError, match=r"writing failed \(File too large\).*free some space"),
    ):
        Download(server.url, tmp_path, QUICK).fetch()
    assert len(server.requests) == 1
    assert not Download(server.url, tmp_path).file.exists()

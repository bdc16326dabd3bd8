"""A download is complete or absent: it is resumed where possible, otherwise it starts over."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypedDict, Unpack

import pytest

from batch_predictions.fetch import Download
from batch_predictions.fetch_limits import Limits
from run_contract.errors import TemporaryError
from tests.batch_predictions.misbehaving_server import Answer, Ending, Handler, reply, resource, serve

CONTENT = random.Random(1).randbytes(50_000)
OTHER = random.Random(2).randbytes(50_000)
HALF = 20_000
ETAG, OTHER_ETAG, WEAK_ETAG = '"one"', '"two"', 'W/"weak"'
MONDAY, TUESDAY = "Mon, 06 Jan 2025 08:00:00 GMT", "Tue, 07 Jan 2025 08:00:00 GMT"

QUICK = Limits(max_wait_seconds=0.01, idle_seconds=5.0)
ONE_TRY = Limits(attempts=1, idle_seconds=5.0)


class Validators(TypedDict, total=False):
    etag: str
    last_modified: str


def half(content: bytes = CONTENT, ending: Ending = Ending.RESET, **validators: Unpack[Validators]) -> Answer:
    return resource(content, cut=HALF, ending=ending, **validators)


def partial(content: bytes, start: int, stop: int, **headers: str) -> Answer:
    """Answer 206 with content[start:stop], whatever was requested."""
    content_range = {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"}
    return reply(206, content[start:stop], content_range | {n.replace("_", "-"): v for n, v in headers.items()})


def chunked(content: bytes, end: bytes) -> Answer:
    body = b"%x\r\n%s\r\n%s" % (len(content), content, end)
    return reply(200, body, {"Transfer-Encoding": "chunked", "ETag": ETAG})


def only_files(directory: Path, *suffixes: str) -> bool:
    return {path.suffix for path in directory.iterdir()} == set(suffixes)


def test_whole_download(tmp_path: Path) -> None:
    with serve(resource(CONTENT, ETAG)) as server:
        file = Download(server.url, tmp_path / "new", QUICK).fetch()
    assert file.read_bytes() == CONTENT
    assert "range" not in server.requests[0]
    assert server.requests[0]["accept-encoding"] == "identity"
    assert only_files(tmp_path / "new", "", ".json", ".lock")


def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    with serve(resource(b"", ETAG)) as server:
        assert Download(server.url, tmp_path, QUICK).fetch().read_bytes() == b""


@pytest.mark.parametrize(
    ("ending", "validators", "if_range"),
    [
        (Ending.RESET, {"etag": ETAG}, ETAG),
        (Ending.RESET, {"last_modified": MONDAY}, MONDAY),
        (Ending.RESET, {"etag": ETAG, "last_modified": MONDAY}, ETAG),
        (Ending.CLOSE, {"etag": ETAG}, ETAG),
        (Ending.STALL, {"etag": ETAG}, ETAG),
    ],
)
def test_broken_transfer_is_resumed(tmp_path: Path, ending: Ending, validators: Validators, if_range: str) -> None:
    limits = Limits(max_wait_seconds=0.01, idle_seconds=1.0)
    with serve(half(ending=ending, **validators), resource(CONTENT, **validators)) as server:
        assert Download(server.url, tmp_path, limits).fetch().read_bytes() == CONTENT
    assert server.requests[1]["range"] == f"bytes={HALF}-"
    assert server.requests[1]["if-range"] == if_range
    assert server.statuses == [200, 206]


def test_resumed_by_the_next_run(tmp_path: Path) -> None:
    with serve(half(etag=ETAG), resource(CONTENT, ETAG)) as server:
        with pytest.raises(TemporaryError, match="after 1 attempt;"):
            Download(server.url, tmp_path, ONE_TRY).fetch()
        assert not Download(server.url, tmp_path).file.exists()
        assert Download(server.url, tmp_path, ONE_TRY).fetch().read_bytes() == CONTENT
    assert server.statuses == [200, 206]


def test_broken_twice_and_resumed_without_validators_in_the_206(tmp_path: Path) -> None:
    """A 206 need not repeat Last-Modified (RFC 9110, section 15.3.7)."""
    again = reply(
        206,
        CONTENT[HALF : HALF + 500],
        {"Content-Range": f"bytes {HALF}-{len(CONTENT) - 1}/{len(CONTENT)}"},
        length=len(CONTENT) - HALF,
    )
    with serve(half(last_modified=MONDAY), again, resource(CONTENT, last_modified=MONDAY)) as server:
        assert Download(server.url, tmp_path, QUICK).fetch().read_bytes() == CONTENT
        Download(server.url, tmp_path, QUICK).fetch()
    assert server.requests[2]["range"] == f"bytes={HALF + 500}-"
    assert server.statuses == [200, 206, 206, 304]


@pytest.mark.parametrize("answer", [half(etag=ETAG, ending=Ending.CLOSE), chunked(CONTENT[:HALF], b"")])
def test_cut_body_is_never_complete(tmp_path: Path, answer: Answer) -> None:
    with serve(answer) as server, pytest.raises(TemporaryError, match="after 1 attempt;"):
        Download(server.url, tmp_path, ONE_TRY).fetch()
    assert not Download(server.url, tmp_path).file.exists()


def test_chunked_body(tmp_path: Path) -> None:
    with serve(chunked(CONTENT, b"0\r\n\r\n")) as server:
        assert Download(server.url, tmp_path, ONE_TRY).fetch().read_bytes() == CONTENT


def test_server_that_gives_less_than_the_range_asked_for(tmp_path: Path) -> None:
    short = partial(CONTENT, HALF, HALF + 100, ETag=ETAG)
    with serve(half(etag=ETAG), short, resource(CONTENT, ETAG)) as server:
        assert Download(server.url, tmp_path, QUICK).fetch().read_bytes() == CONTENT
    assert server.requests[2]["range"] == f"bytes={HALF + 100}-"


def test_changed_midway_and_answered_with_200(tmp_path: Path) -> None:
    with serve(half(etag=ETAG), resource(OTHER, OTHER_ETAG)) as server:
        assert Download(server.url, tmp_path, QUICK).fetch().read_bytes() == OTHER
    assert server.statuses == [200, 200]


@pytest.mark.parametrize(
    ("first", "bad"),
    [
        pytest.param({"etag": ETAG}, partial(OTHER, HALF, 50_000, ETag=OTHER_ETAG), id="new ETag"),
        pytest.param(
            {"last_modified": MONDAY}, partial(OTHER, HALF, 50_000, Last_Modified=TUESDAY), id="new Last-Modified"
        ),
        pytest.param({"etag": ETAG}, partial(OTHER, HALF - 100, 50_000, ETag=ETAG), id="wrong offset"),
        pytest.param({"etag": ETAG}, partial(OTHER, HALF * 10, HALF * 10 + 5, ETag=ETAG), id="offset past the end"),
        pytest.param({"etag": ETAG}, reply(206, OTHER[HALF:], {"ETag": ETAG}), id="no Content-Range"),
        pytest.param(
            {"etag": ETAG}, reply(206, OTHER[HALF:], {"Content-Range": f"bytes {HALF}-49999/*"}), id="unknown size"
        ),
        pytest.param(
            {"etag": ETAG}, reply(206, OTHER[HALF:], {"Content-Range": "bytes x-y/z"}), id="Content-Range of nonsense"
        ),
    ],
)
def test_a_206_that_does_not_continue_the_part_is_discarded(tmp_path: Path, first: Validators, bad: Answer) -> None:
    with serve(half(**first), bad, resource(OTHER, OTHER_ETAG)) as server:
        assert Download(server.url, tmp_path, QUICK).fetch().read_bytes() == OTHER
    assert server.statuses == [200, 206, 200]
    assert "range" not in server.requests[2]


@pytest.mark.parametrize("validators", [{"etag": WEAK_ETAG}, {"etag": WEAK_ETAG, "last_modified": MONDAY}, {}])
def test_no_range_without_a_strong_validator(tmp_path: Path, validators: Validators) -> None:
    with serve(half(**validators), resource(CONTENT, **validators)) as server:
        assert Download(server.url, tmp_path, QUICK).fetch().read_bytes() == CONTENT
    assert not {"range", "if-range"} & server.requests[1].keys()
    assert server.statuses == [200, 200]


def test_416_with_a_full_part_starts_over(tmp_path: Path) -> None:
    with serve(chunked(CONTENT, b""), resource(CONTENT, ETAG)) as server:
        assert Download(server.url, tmp_path, QUICK).fetch().read_bytes() == CONTENT
    assert server.requests[1]["range"] == f"bytes={len(CONTENT)}-"
    assert server.statuses == [200, 416, 200]


@pytest.mark.parametrize("validators", [{"etag": ETAG}, {"etag": WEAK_ETAG}, {"last_modified": MONDAY}])
def test_second_fetch_transfers_no_body(tmp_path: Path, validators: Validators) -> None:
    with serve(resource(CONTENT, **validators)) as server:
        first = Download(server.url, tmp_path, QUICK).fetch()
        assert Download(server.url, tmp_path, QUICK).fetch() == first
    assert server.statuses == [200, 304]
    assert first.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(half(OTHER, etag=WEAK_ETAG), id="weak ETag"),
        pytest.param(resource(OTHER, WEAK_ETAG, cut=0), id="no byte came"),
    ],
)
def test_a_broken_new_version_is_not_taken_for_the_old_file(tmp_path: Path, broken: Answer) -> None:
    with serve(resource(CONTENT, ETAG), broken, resource(OTHER, WEAK_ETAG)) as server:
        assert Download(server.url, tmp_path, QUICK).fetch().read_bytes() == CONTENT
        with pytest.raises(TemporaryError):
            Download(server.url, tmp_path, ONE_TRY).fetch()
        assert Download(server.url, tmp_path, QUICK).fetch().read_bytes() == OTHER
    assert server.statuses == [200, 200, 200]


def test_two_fetchers_at_once_share_one_transfer(tmp_path: Path) -> None:
    second_came = threading.Event()

    def hold(handler: Handler) -> None:
        second_came.wait(0.5)  # only a missing lock sets it
        resource(CONTENT, ETAG)(handler)

    def then(handler: Handler) -> None:
        second_came.set()
        resource(CONTENT, ETAG)(handler)

    with serve(hold, then) as server, ThreadPoolExecutor(2) as pool:
        files = [pool.submit(Download(server.url, tmp_path, QUICK).fetch) for _ in range(2)]
        assert [file.result().read_bytes() for file in files] == [CONTENT, CONTENT]
    assert server.statuses == [200, 304]

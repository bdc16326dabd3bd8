"""The options of make run: each is refused in one line or has the value and type that it is given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local_stack.options import UsageError, parse_options


@pytest.mark.parametrize(
    ("word", "cause"),
    [
        ("WORKERS=0", "WORKERS=0: it must be a whole number from 1 to 1024"),
        ("CORES=abc", "CORES=abc: it must be a whole number"),
        ("CORES=-1", "CORES=-1: it must be a whole number"),
        ("FOO=3", "FOO: no such option; the options are BUFFER"),
        ("ERROR_BUDGET=2", "2.0 is greater than the maximum of 1"),
        ("ERROR_BUDGET=nan", "ERROR_BUDGET=nan: it must be a number"),
        ("LIMIT=0", "0 is less than the minimum of 1"),
        ("LIMIT=1e9", "LIMIT=1e9: it must be a number"),
        ("ENGINE=x", "'x' is not one of"),
        ("ONLY_NEW=maybe", "ONLY_NEW=maybe: it must be true or false"),
        ("ONLY_NEW=", "ONLY_NEW=: it must be true or false"),
        ("INTERVAL=5", "INTERVAL=5: How long the run may take"),
        ("SOURCE", "expected NAME=VALUE"),
    ],
)
def test_what_cannot_be_is_refused(word: str, cause: str) -> None:
    with pytest.raises(UsageError, match=re.escape(cause)) as caught:
        parse_options([word])
    assert "\n" not in str(caught.value)


def test_values_have_their_types_and_paths_are_whole() -> None:
    options = parse_options(["SOURCE=a;b {{c}}", "LIMIT=5", "BUFFER=0.3", "INTERVAL=", "WORKERS=2", "CORES=1"])
    assert (options.workers, options.cores) == (2, 1)
    assert options.params == {
        "source": str(Path.cwd() / "a;b {{c}}"),
        "limit": 5,
        "buffer": 0.3,
        "interval": None,
        "workers": 2,
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), ("1", True), ("YES", True), ("false", False), ("0", False), ("No", False)],
)
def test_yes_and_no_are_understood(text: str, value: bool) -> None:
    assert parse_options([f"ONLY_NEW={text}"]).params == {"only_new": value}


def test_an_address_is_no_path() -> None:
    assert parse_options(["SOURCE=http://host/a.zip"]).params == {"source": "http://host/a.zip"}

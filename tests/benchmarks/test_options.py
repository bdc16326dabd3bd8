"""What may follow `make bench`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.lineup import CONTENDERS
from benchmarks.options import parse_options
from local_stack.options import UsageError


def test_defaults() -> None:
    options = parse_options([])
    assert (options.images, options.rounds, options.only) == (3000, 3, ())
    assert options.output.name == "benchmarks"


def test_values(tmp_path: Path) -> None:
    options = parse_options(["IMAGES=60", "ROUNDS=1", "ONLY=ours,bare", f"SOURCE={tmp_path}", "CORES=1"])
    assert (options.images, options.rounds, options.only, options.cores) == (60, 1, ("ours", "bare"), 1)
    assert options.source == tmp_path
    assert parse_options(["SOURCE=generated"]).source is None


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("ONLY=ours,abacus", "there is no contender abacus; there are for_loop"),
        ("IMAGES=0", "IMAGES=0: it must be a whole number above 0"),
        ("ROUNDS=many", "ROUNDS=many"),
        ("SOURCE=/no/such/place", "no such file or directory"),
        ("LIMIT=3", "LIMIT: no such option"),
    ],
)
def test_refusals(word: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_options([word])


def test_every_contender_has_its_file() -> None:
    folder = Path(__file__).parents[2] / "benchmarks" / "contenders"
    assert [each.module for each in CONTENDERS if not (folder / f"{each.module}.py").exists()] == []


def test_what_is_not_installed_is_told() -> None:
    by_name = {each.name: each for each in CONTENDERS}
    assert by_name["ours"].missing == ""
    assert by_name["beam"].missing in ("", "not installed")
    assert type(by_name["beam"])("x", "x", "bare", 1, package="no_such_package").missing == "not installed"
    assert "no precision int3" in type(by_name["beam"])("x", "x", "bare", 1, precision="int3").missing

"""Files are written so that a reader sees a whole file or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from run_contract.files import (
    append_json_line,
    remove_leftovers,
    replace_atomically,
    sha256_of,
    write_json,
)


def json_lines(path: Path) -> list[Any]:
    """Return the values on the lines of a file, which must be complete."""
    content = path.read_bytes()
    assert content.endswith(b"\n")
    return [json.loads(line) for line in content.split(b"\n")[:-1]]


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_the_target_keeps_its_content_until_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "target"
    with replace_atomically(target) as part:
        part.write_text("old")
    with replace_atomically(target) as part:
        part.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names_in(target.parent) == ["target"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "target"
    target.write_text("old")

    def fail() -> None:
        with replace_atomically(target) as part:
            part.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["target"]


def test_a_directory_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "target"

    def fail() -> None:
        with replace_atomically(target) as part:
            part.mkdir()
            (part / "file").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names_in(tmp_path) == []
    with replace_atomically(target) as part:
        part.mkdir()
        (part / "file").write_text("whole")
    assert (target / "file").read_text() == "whole"


def test_a_link_is_replaced_and_not_its_target(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    link = tmp_path / "link"
    for name in ("one", "two"):
        with replace_atomically(link) as part:
            part.symlink_to(name)
    assert link.resolve() == tmp_path / "two"
    assert names_in(tmp_path) == ["link", "one", "two"]
    assert names_in(tmp_path / "one") == []


def test_only_leftovers_of_killed_writers_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".a.0123.part").write_text("x")
    (tmp_path / ".b.0123.part").mkdir()
    (tmp_path / "c.part").write_text("kept")
    (tmp_path / ".d").write_text("kept")
    remove_leftovers(tmp_path)
    assert names_in(tmp_path) == [".d", "c.part"]


def test_json_comes_back_and_never_holds_nan(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_json(path, {"name": "猫", "count": 1})
    assert json.loads(path.read_text()) == {"name": "猫", "count": 1}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"count": float("nan")})
    assert json.loads(path.read_text()) == {"name": "猫", "count": 1}


def test_lines_come_back_in_order_whatever_is_in_them(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lines.jsonl"
    records = [{"n": n, "text": text} for n, text in enumerate(["a\nb", "a\u2028b", "a\x85b", "a\rb", "猫"])]
    for record in records:
        append_json_line(path, record)
    assert json_lines(path) == records


def test_sha256_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("size", [10, 4094, 4095, 4096, 4097, 10_000, 100_000])
@pytest.mark.parametrize("before", [0, 1, 3])
def test_an_appended_line_replaces_an_incomplete_last_line(size: int, before: int, tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.touch()
    records = [{"n": n, "text": "猫" * size} for n in range(before)]
    for record in records:
        append_json_line(path, record)
    with open(path, "ab") as file:
        file.write(json.dumps({"cut": "x" * size}).encode()[:-1])
    append_json_line(path, {"n": "last"})
    assert json_lines(path) == [*records, {"n": "last"}]


@pytest.mark.parametrize("length", range(4090, 4100))
def test_a_line_is_appended_after_a_long_complete_line(length: int, tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    line = json.dumps({"n": 1, "text": ""})
    append_json_line(path, {"n": 0})
    append_json_line(path, {"n": 1, "text": "x" * (length - len(line) - 1)})
    append_json_line(path, {"n": 2})
    assert [record["n"] for record in json_lines(path)] == [0, 1, 2]
    assert len(path.read_bytes().split(b"\n")[1]) + 1 == length


def test_a_line_that_is_no_json_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    append_json_line(path, {"n": 0})
    with pytest.raises(ValueError, match="not JSON compliant"):
        append_json_line(path, {"n": float("inf")})
    assert json_lines(path) == [{"n": 0}]

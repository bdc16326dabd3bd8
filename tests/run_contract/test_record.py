"""Typed records: what is written is read back, and damage is reported."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, ClassVar, NamedTuple

import pytest

import run_contract.records
from run_contract.errors import BatchPredictionsError
from run_contract.record import (
    Record,
    RecordError,
    append_record,
    read_readable,
    read_record,
    read_records,
    require_record,
    write_record,
)

MOMENT = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    x: float
    y: int


@dataclass(frozen=True)
class Part:
    name: str
    size: int | None = None


@dataclass(frozen=True)
class Example(Record):
    version: ClassVar[int] = 3
    written_by: ClassVar[str] = "the task example"

    text: str
    number: float
    flag: bool
    when: datetime | None
    colour: Colour
    part: Part
    counts: Mapping[str, int]
    points: tuple[Point, ...]
    rows: int = 0


EXAMPLE = Example("a", 1.5, True, MOMENT, Colour.BLUE, Part("p"), {"a": 1}, (Point(0.5, 2),), 7)


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_record(tmp_path / "example.json", EXAMPLE)
    assert read_record(Example, tmp_path / "example.json") == EXAMPLE
    assert json.loads((tmp_path / "example.json").read_text())["version"] == 3


def test_no_file_is_no_record(tmp_path: Path) -> None:
    assert read_record(Example, tmp_path / "example.json") is None
    assert read_records(Example, tmp_path / "example.jsonl") == []


def test_a_record_that_a_task_needs_names_the_task_that_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "20260101T000000Z" / "example.json"
    with pytest.raises(
        BatchPredictionsError, match=r"^run 20260101T000000Z: it has no example; run the task example first$"
    ):
        require_record(Example, path)
    write_record(path, EXAMPLE)
    assert require_record(Example, path) == EXAMPLE


def test_a_field_with_a_default_may_be_missing_and_an_unknown_one_is_ignored() -> None:
    content = {**EXAMPLE.to_json(), "later": 1}
    del content["rows"]
    assert Example.from_json(content) == replace(EXAMPLE, rows=0)


def test_a_file_without_a_version_counts_as_version_1() -> None:
    with pytest.raises(RecordError, match="its format has version 1, this release reads version 3"):
        Example.from_json({key: value for key, value in EXAMPLE.to_json().items() if key != "version"})


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("version", 4, "its format has version 4, this release reads version 3"),
        ("version", [], r"its format has version \[\]"),
        ("text", 1, "field text: expected a text, found 1"),
        ("number", "1", "field number: expected a number, found '1'"),
        ("number", True, "field number: expected a number, found True"),
        ("number", float("inf"), "field number: expected a number, found inf"),
        ("flag", 1, "field flag: expected true or false, found 1"),
        ("rows", 1.5, "field rows: expected a whole number, found 1.5"),
        ("rows", True, "field rows: expected a whole number, found True"),
        ("rows", None, "field rows: expected a whole number, found None"),
        ("when", "yesterday", "field when: expected a time such as"),
        ("when", "2026-01-01T00:00:00", "field when: expected a time such as"),
        ("colour", "green", "field colour: expected one of red, blue, found 'green'"),
        ("colour", [], "field colour: expected one of red, blue"),
        ("part", {"size": 1}, "field part: field name is missing|field part: name is missing"),
        ("part", {"name": 1}, "field part: name: expected a text, found 1"),
        ("part", [], "field part: expected an object"),
        ("counts", {"a": "b"}, "field counts: expected a whole number, found 'b'"),
        ("points", [[1, 2, 3]], "field points: expected a list of 2 values"),
        ("points", "ab", "field points: expected a list, found 'ab'"),
        ("text", ["x" * 100], r"found \['x+\.\.\.$"),
    ],
)
def test_a_broken_field_is_named_with_what_was_expected_and_found(field: str, value: Any, says: str) -> None:
    with pytest.raises(RecordError, match=says):
        Example.from_json({**EXAMPLE.to_json(), field: value})


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1]", b"null", b"[" * 100_000])
def test_a_damaged_file_is_one_line_with_its_path_and_what_to_do(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "example.json"
    path.write_bytes(content)
    with pytest.raises(RecordError) as error:
        read_record(Example, path)
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith("; remove it and run the task example again")
    assert "\n" not in str(error.value)


def test_a_damaged_record_can_count_as_missing_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "example.json").write_text("{")
    with caplog.at_level(logging.WARNING):
        assert read_readable(Example, tmp_path / "example.json") is None
        assert read_readable(Example, tmp_path) is None
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_a_damaged_line_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "example.jsonl"
    append_record(path, EXAMPLE)
    with open(path, "ab") as file:
        file.write(b'{"text": \xff}\n\n')
    append_record(path, replace(EXAMPLE, rows=8))
    with open(path, "ab") as file:
        file.write(b'{"text": "cut by a ki')
    with caplog.at_level(logging.WARNING):
        assert [record.rows for record in read_records(Example, path)] == [7, 8]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"{path}: line 2 is left out: not valid JSON")


def test_a_last_line_that_is_cut_anywhere_is_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "example.jsonl"
    append_record(path, EXAMPLE)
    first = path.read_bytes()
    append_record(path, replace(EXAMPLE, text="猫"))
    both = path.read_bytes()
    for length in range(len(first), len(both)):
        path.write_bytes(both[:length])
        assert read_records(Example, path) == [EXAMPLE]
    path.write_bytes(both)
    assert read_records(Example, path) == [EXAMPLE, replace(EXAMPLE, text="猫")]
    assert caplog.records == []


def test_only_the_last_lines_are_read_on_request(tmp_path: Path) -> None:
    for rows in range(5):
        append_record(tmp_path / "example.jsonl", replace(EXAMPLE, rows=rows))
    assert [record.rows for record in read_records(Example, tmp_path / "example.jsonl", last=2)] == [3, 4]


def every_kind() -> list[type[Record]]:
    names = [module.name for module in iter_modules(run_contract.records.__path__)]
    modules = [import_module(f"run_contract.records.{name}") for name in names]
    kinds = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    return sorted((kind for kind in kinds if issubclass(kind, Record) and kind is not Record), key=lambda k: k.__name__)


@pytest.mark.parametrize("kind", every_kind(), ids=lambda kind: kind.__name__)
def test_every_record_has_only_fields_that_can_be_read(kind: type[Record]) -> None:
    """The decoder of the record is built before it reads the content, and building it fails for an unknown type."""
    required = [field for field in fields(kind) if field.default is MISSING]
    if required:
        with pytest.raises(RecordError, match=f"field {required[0].name} is missing"):
            kind.from_json({})
    else:
        assert kind.from_json({}) == kind()

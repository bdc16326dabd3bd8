"""Typed records: each JSON file of a run holds one, or one on each line.

A record is a frozen dataclass. Its fields may be str, int, float, bool, datetime (in JSON: ISO 8601 with a time zone),
string enums, other dataclasses, named tuples, `tuple[X, ...]`, `Mapping[str, X]`, and each of these `| None`.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from run_contract.errors import BatchPredictionsError
from run_contract.files import append_json_line, write_json

log = logging.getLogger(__name__)

VERSION_KEY = "version"


class RecordError(BatchPredictionsError):
    """A record that cannot be read. Its text names the field, what was expected and what was found."""


@dataclass(frozen=True)
class Record:
    """The base class of all records.

    version: of the format; it is written into each file. written_by: what to run again when the file is damaged.
    """

    version: ClassVar[int] = 1
    written_by: ClassVar[str] = ""

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values, with its version."""
        return {VERSION_KEY: self.version, **_encode_fields(self)}

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Return the record in JSON values.

        Content without a version counts as version 1. Unknown fields are ignored. Raises RecordError for another
        version, and for a field that is missing or of another type.
        """
        if not isinstance(content, Mapping):
            raise RecordError(f"expected a JSON object, found {_shown(content)}")
        found = content.get(VERSION_KEY, 1)
        if found != cls.version:
            raise RecordError(f"its format has version {_shown(found)}, this release reads version {cls.version}")
        kind: Any = cls
        record: Self = _decoder(kind)(content)
        return record


R = TypeVar("R", bound=Record)


def read_record(kind: type[R], path: Path) -> R | None:
    """Return the record in `path`, or None when there is no such file.

    Raises RecordError, with the path and the next step, for a damaged file, and OSError when it cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return parse_record(kind, content)
    except RecordError as error:
        next_step = f"remove it and run {kind.written_by} again" if kind.written_by else "remove it"
        raise RecordError(f"{path}: {error}; {next_step}") from None


def require_record(kind: type[R], path: Path) -> R:
    """Return the record of a run in `path`, which an earlier task has written.

    Raises BatchPredictionsError when there is no such file, RecordError when it is damaged.
    """
    record = read_record(kind, path)
    if record is None:
        raise BatchPredictionsError(f"run {path.parent.name}: it has no {path.stem}; run {kind.written_by} first")
    return record


def read_readable(kind: type[R], path: Path) -> R | None:
    """Return the record in `path`, or None when it is missing or, with a warning, when it is damaged or unreadable."""
    try:
        return read_record(kind, path)
    except (RecordError, OSError) as error:
        log.warning("%s", error)
        return None


def read_records(kind: type[R], path: Path, last: int | None = None) -> list[R]:
    """Return the records in `path`, one on each line; none when there is no such file.

    last: how many of the last lines to read; None reads all. A damaged line is left out, with a warning. An incomplete
    last line, as a killed writer leaves it, is ignored.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    records = []
    lines = list(enumerate(content.split(b"\n")[:-1], 1))
    for number, line in lines[-last:] if last else lines:
        if line.strip():
            try:
                records.append(parse_record(kind, line))
            except RecordError as error:
                log.warning("%s: line %d is left out: %s", path, number, error)
    return records


def parse_record(kind: type[R], content: bytes) -> R:
    """Return the record in the bytes of its JSON. Raises RecordError."""
    try:
        return kind.from_json(json.loads(content))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError among them
        raise RecordError(f"not valid JSON ({error})") from None


def write_record(path: Path, record: Record) -> None:
    """Write `record` to `path`; a reader sees the old file or the new one."""
    write_json(path, record.to_json())


def append_record(path: Path, record: Record) -> None:
    """Append `record` to `path` as one line."""
    append_json_line(path, record.to_json())


def _encode_fields(record: Any) -> dict[str, Any]:
    return {field.name: _encode(getattr(record, field.name)) for field in dataclasses.fields(record)}


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value):
        return _encode_fields(value)
    if isinstance(value, Mapping):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(item) for item in value]
    return value.value if isinstance(value, Enum) else value


Decode = Callable[[Any], Any]


@cache
def _decoder(kind: Any) -> Decode:
    """Return the function that turns a JSON value into a value of the type `kind`, or raises RecordError."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return lambda value: value
    if origin in (Union, UnionType):
        return _optional(_decoder(next(argument for argument in arguments if argument is not NoneType)))
    if origin is tuple:
        return _sequence(_decoder(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_decoder(arguments[1]))
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind)
    if issubclass(kind, tuple):
        return _named_tuple(kind)
    if issubclass(kind, Enum):
        return _enum(kind)
    return {str: _text, bool: _boolean, int: _integer, float: _number, datetime: _moment}[kind]


def _optional(decode: Decode) -> Decode:
    return lambda value: None if value is None else decode(value)


def _sequence(decode: Decode) -> Decode:
    def decode_all(value: Any) -> tuple[Any, ...]:
        return tuple(map(decode, _expect(isinstance(value, list), "a list", value)))

    return decode_all


def _mapping(decode: Decode) -> Decode:
    def decode_all(value: Any) -> dict[str, Any]:
        items = _expect(isinstance(value, Mapping), "an object", value).items()
        return {key: decode(item) for key, item in items}

    return decode_all


def _dataclass(kind: Any) -> Decode:
    hints = get_type_hints(kind)
    fields = [(field.name, _decoder(hints[field.name]), _is_required(field)) for field in dataclasses.fields(kind)]

    def decode(value: Any) -> Any:
        content, found = _expect(isinstance(value, Mapping), "an object", value), {}
        for name, decode_field, required in fields:
            if name in content:
                try:
                    found[name] = decode_field(content[name])
                except RecordError as error:
                    raise RecordError(f"field {name}: {str(error).removeprefix('field ')}") from None
            elif required:
                raise RecordError(f"field {name} is missing")
        return kind(**found)

    return decode


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _named_tuple(kind: Any) -> Decode:
    decoders = [_decoder(hint) for hint in get_type_hints(kind).values()]

    def decode(value: Any) -> Any:
        fits = isinstance(value, list) and len(value) == len(decoders)
        items = _expect(fits, f"a list of {len(decoders)} values", value)
        return kind(*(decode_item(item) for decode_item, item in zip(decoders, items, strict=True)))

    return decode


def _enum(kind: Any) -> Decode:
    known = {member.value: member for member in kind}

    def decode(value: Any) -> Any:
        fits = isinstance(value, str) and value in known
        return known[_expect(fits, f"one of {', '.join(known)}", value)]

    return decode


def _text(value: Any) -> Any:
    return _expect(isinstance(value, str), "a text", value)


def _boolean(value: Any) -> Any:
    return _expect(isinstance(value, bool), "true or false", value)


def _integer(value: Any) -> Any:
    return _expect(isinstance(value, int) and not isinstance(value, bool), "a whole number", value)


def _number(value: Any) -> float:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(_expect(fits, "a number", value))


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(value))
    except ValueError:
        moment = datetime.min
    _expect(moment.tzinfo is not None, "a time such as 2026-01-01T00:00:00+00:00", value)
    return moment


def _expect(fits: bool, expected: str, value: Any) -> Any:
    if not fits:
        raise RecordError(f"expected {expected}, found {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

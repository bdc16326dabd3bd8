"""The options of `make run` and `make up`: words NAME=VALUE."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from batch_predictions.params import PARAMS

REPOSITORY = Path(__file__).resolve().parents[1]
BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class UsageError(Exception):
    """A word of the command line is not valid. One line: the option, the value and what is expected."""


@dataclass(frozen=True)
class Options:
    """workers: Spark workers to start. cores: of each worker. params: the run's Params that were given."""

    workspace: Path
    workers: int = 1
    cores: int = 1
    params: dict[str, Any] = field(default_factory=dict)


def parse_options(words: list[str]) -> Options:
    """Return the options. Relative paths start at the current directory. Raises UsageError."""
    values = dict(_split(word) for word in words)
    workers = _positive("WORKERS", values.get("WORKERS", "1"))
    cores = _positive("CORES", values.pop("CORES", str(max((os.cpu_count() or 1) // workers, 1))))
    workspace = Path(values.pop("WORKSPACE", "") or REPOSITORY / "workspace").expanduser().absolute()
    if "SOURCE" in values and "://" not in values["SOURCE"] and values["SOURCE"]:
        values["SOURCE"] = str(Path(values["SOURCE"]).expanduser().absolute())
    if values.get("MODEL"):
        values["MODEL"] = str(Path(values["MODEL"]).expanduser().absolute())
    params = parse_params({name.lower(): value for name, value in values.items()})
    return Options(workspace, workers, cores, params)


def parse_params(typed: dict[str, str]) -> dict[str, Any]:
    """Return the values of Params, checked as Airflow checks them. Raises UsageError."""
    unknown = sorted(set(typed) - set(PARAMS))
    if unknown:
        names = ", ".join(sorted(name.upper() for name in [*PARAMS, "workspace", "cores"]))
        raise UsageError(f"{unknown[0].upper()}: no such option; the options are {names}")
    return {name: _parse_param(name.upper(), value, PARAMS[name].schema) for name, value in typed.items()}


def _parse_param(name: str, text: str, schema: dict[str, Any]) -> Any:
    value = _convert(name, text, schema["type"])
    try:
        jsonschema.validate(value, schema)
    except jsonschema.ValidationError as error:
        cause = schema["description"] if error.validator == "pattern" else error.message
        raise UsageError(f"{name}={text}: {cause}") from None
    return value


def _convert(name: str, text: str, kind: str | list[str]) -> Any:
    if text == "" and "null" in kind:
        return None
    if kind == "boolean":
        return _boolean(name, text)
    try:
        if "integer" in kind:
            return int(text)
        if "number" in kind:
            return _finite(float(text))
    except ValueError:
        raise UsageError(f"{name}={text}: it must be a number") from None
    return text


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in BOOLEANS:
        raise UsageError(f"{name}={text}: it must be true or false")
    return BOOLEANS[text.lower()]


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError(number)
    return number


def _split(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise UsageError(f"{word}: expected NAME=VALUE, such as SOURCE=/data/images.zip")
    return name.upper(), value


def _positive(name: str, text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise UsageError(f"{name}={text}: it must be a whole number from 1 to 1024")
    return int(text)

"""Lines of history.jsonl to what the trends draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from runs_page.plots.trend import Durations, Series
from runs_page.records import unless_damaged

Line = Mapping[str, Any]
Lines = Sequence[Line]
FEWEST = 2
"""A single run is no trend."""


def throughputs(lines: Lines, run_key: str | None = None) -> Series | None:
    return _series(lines, run_key, per_core)


def accuracies(lines: Lines, run_key: str | None = None) -> Series | None:
    return _series(lines, run_key, lambda line: 100 * line["accuracy"])


def errors(lines: Lines, run_key: str | None = None) -> Series | None:
    return _series(lines, run_key, lambda line: 100 * line["errors"] / line["rows"])


def forecast_errors(lines: Lines, run_key: str | None = None) -> Series | None:
    return _series(lines, run_key, lambda line: 100 * line["forecast_error"])


def label_share(lines: Lines) -> Series | None:
    """Of the label that is the most frequent one in the newest run; None where the accuracy says more."""
    counted = [line["predictions"] for line in lines if line.get("predictions")]
    if not counted or accuracies(lines):
        return None
    label = max(counted[-1], key=lambda name: counted[-1][name])
    return _series(lines, None, lambda line: 100 * line["predictions"][label] / sum(line["predictions"].values()))


def durations(lines: Lines, run_key: str | None = None) -> Durations | None:
    took = _series(lines, run_key, lambda line: line["predict_seconds"] or None)
    if took is None:
        return None
    expected, intervals = (tuple(_value(line, value) for line in lines) for value in (_expected, interval_seconds))
    return Durations(took, expected, intervals)


def per_core(line: Line) -> float | None:
    """Images a second of one core."""
    return line["steady_images_per_second"] / line["cores"] if line["cores"] else None


def interval_seconds(line: Line) -> float | None:
    """From when the run was due to when the next one was."""
    if not line.get("deadline_at") or not line.get("run_after"):
        return None
    seconds = (_moment(line["deadline_at"]) - _moment(line["run_after"])).total_seconds()
    return seconds if seconds > 0 else None


def run_name(run_key: str) -> str:
    """24 Nov, or 24 Nov 22:18 for a run that was not due at midnight."""
    when = datetime.strptime(run_key[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return f"{when:%-d %b}" if run_key[9:15] == "000000" else f"{when:%-d %b %H:%M}"


def _series(lines: Lines, run_key: str | None, value: Callable[[Line], float | None]) -> Series | None:
    values = tuple(_value(line, value) for line in lines)
    if sum(known is not None for known in values) < FEWEST:
        return None
    keys = [str(line.get("run_key", "")) for line in lines]
    names = tuple(_name(key) or key[:15] for key in keys)
    return Series(names, values, keys.index(run_key) if run_key in keys else None)


@unless_damaged(None)
def _value(line: Line, value: Callable[[Line], float | None]) -> float | None:
    number = value(line)
    return None if number is None else float(number)


_name = unless_damaged("")(run_name)


def _expected(line: Line) -> float | None:
    seconds: float | None = line["p50_seconds"]
    return seconds


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)

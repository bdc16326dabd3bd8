"""From the records of the history, the oldest first, to what the trends draw; None without enough runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from run_contract.formatting import short_date
from run_contract.records.history import HistoryRecord
from runs_page.plots.trend import Durations, Series

History = Sequence[HistoryRecord]
FEWEST = 2
"""One run is no trend."""


def throughputs(history: History, run_key: str | None = None) -> Series | None:
    return _series(history, run_key, per_core)


def accuracies(history: History, run_key: str | None = None) -> Series | None:
    return _series(history, run_key, lambda record: _percent(record.accuracy))


def error_shares(history: History, run_key: str | None = None) -> Series | None:
    return _series(history, run_key, lambda record: 100 * record.errors / record.rows if record.rows else None)


def forecast_errors(history: History, run_key: str | None = None) -> Series | None:
    return _series(history, run_key, lambda record: _percent(record.forecast_error))


def label_shares(history: History) -> Series | None:
    """The share of the label that is the most frequent one in the newest run; None where the accuracy is known."""
    counted = [record.predictions for record in history if record.predictions]
    if not counted or accuracies(history):
        return None
    label = max(counted[-1], key=lambda name: counted[-1][name])

    def label_share(record: HistoryRecord) -> float | None:
        total = sum(record.predictions.values())
        return 100 * record.predictions[label] / total if total and label in record.predictions else None

    return _series(history, None, label_share)


def durations(history: History, run_key: str | None = None) -> Durations | None:
    took = _series(history, run_key, lambda record: record.predict_seconds or None)
    if took is None:
        return None
    return Durations(took, tuple(record.p50_seconds for record in history), tuple(map(interval_seconds, history)))


def per_core(record: HistoryRecord) -> float | None:
    """Return the images per second per core."""
    return record.steady_images_per_second / record.cores if record.steady_images_per_second and record.cores else None


def interval_seconds(record: HistoryRecord) -> float | None:
    """Return the seconds from the moment a run was due until its deadline; None without a deadline."""
    if not record.deadline_at or not record.run_after:
        return None
    seconds = (record.deadline_at - record.run_after).total_seconds()
    return seconds if seconds > 0 else None


def run_name(run_key: str) -> str:
    """Return `24 Nov`, or `24 Nov 22:18` for a run that was not due at midnight."""
    try:
        due = datetime.strptime(run_key[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:  # not a key of run_contract.layout.run_key
        return run_key[:15]
    return f"{due:%-d %b}" if run_key[9:15] == "000000" else short_date(due)


def _series(history: History, run_key: str | None, value: Callable[[HistoryRecord], float | None]) -> Series | None:
    values = tuple(map(value, history))
    if sum(known is not None for known in values) < FEWEST:
        return None
    keys = [record.run_key for record in history]
    return Series(tuple(map(run_name, keys)), values, keys.index(run_key) if run_key in keys else None)


def _percent(part: float | None) -> float | None:
    return None if part is None else 100 * part

"""How many workers a daily run needs: `python -m runtime_guard.plan --rows 1e6 --seconds-per-row 1 --interval 1d`."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.table import Table

from runtime_guard.forecast.capacity import (
    cores_needed,
    days_to_catch_up,
    run_seconds,
    workers_needed,
    workers_needed_with_one_lost,
)
from runtime_guard.forecast.interval import parse_interval
from runtime_guard.plan.plot import draw

LINES = 16
# Workers beyond those that are enough with one lost.
TO_SPARE = 2


@dataclass(frozen=True)
class Load:
    """rows a run, seconds_per_row on one core; buffer: share of the interval to keep free; backlog_days: as many
    days of rows are left over from an outage. Everything else in seconds."""

    rows: float
    seconds_per_row: float
    interval: timedelta
    buffer: float
    cores_per_worker: int
    overhead: float
    backlog_days: float

    @property
    def interval_seconds(self) -> float:
        return self.interval.total_seconds()

    @property
    def limit_seconds(self) -> float:
        """The interval less the buffer: what a run should take at most."""
        return self.interval_seconds * (1 - self.buffer)

    def seconds(self, workers: int) -> float:
        return run_seconds(self.rows, self.seconds_per_row, workers * self.cores_per_worker, self.overhead)

    def fits(self, workers: int) -> bool:
        enough = self._workers(workers_needed)
        return enough is not None and workers >= enough

    def fits_with_one_lost(self, workers: int) -> bool:
        enough = self.enough_with_one_lost()
        return enough is not None and workers >= enough

    def enough_with_one_lost(self) -> int | None:
        return self._workers(workers_needed_with_one_lost)

    def cores(self) -> int | None:
        return cores_needed(self.rows, self.seconds_per_row, self.limit_seconds, self.overhead)

    def days_to_catch_up(self, workers: int) -> float | None:
        backlog = self.rows * self.backlog_days * 86_400 / self.interval_seconds
        each, cost = self.cores_per_worker, self.seconds_per_row
        return days_to_catch_up(
            backlog, self.rows, workers, each, cost, self.interval_seconds, self.buffer, self.overhead
        )

    def _workers(self, needed: Callable[..., int | None]) -> int | None:
        return needed(self.rows, self.seconds_per_row, self.limit_seconds, self.cores_per_worker, self.overhead)


def main(words: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 2 for arguments that do not fit, after one line that says which."""
    arguments = _parser().parse_args(words)
    load = Load(
        arguments.rows,
        arguments.seconds_per_row,
        arguments.interval,
        arguments.buffer,
        arguments.cores_per_worker,
        arguments.overhead,
        arguments.backlog_days,
    )
    console = Console(soft_wrap=True, highlight=False)
    counts = worker_counts(load)
    console.print(make_table(load, counts))
    console.print(describe(load))
    if arguments.plot:
        draw(load, load.enough_with_one_lost() or counts[-1], describe(load), arguments.plot)
        console.print(f"plot: {arguments.plot}")
    return 0


def describe(load: Load) -> str:
    """What is needed, in one line."""
    alone = duration(run_seconds(load.rows, load.seconds_per_row, 1, load.overhead))
    limit = f"{duration(load.interval_seconds)} with {load.buffer:.0%} buffer"
    cores, workers = load.cores(), load.enough_with_one_lost()
    if cores is None or workers is None:
        return f"one core takes {alone}; no number of workers fits it into {limit}: start-up and end take longer"
    needed = f"{cores:,} cores: {workers - 1:,} workers, {workers:,} if one may be lost"
    return f"one core takes {alone}; {limit} needs {needed}"


def worker_counts(load: Load) -> list[int]:
    """The numbers of workers that the table has a line for: at most LINES, up to some more than are needed."""
    top = (load.enough_with_one_lost() or LINES - TO_SPARE) + TO_SPARE
    if top <= LINES:
        return list(range(1, top + 1))
    last = range(top - LINES // 2 + 1, top + 1)  # around the decision, one by one
    return sorted({max(round(last[0] * share / (LINES // 2)), 1) for share in range(LINES // 2)} | set(last))


def make_table(load: Load, counts: list[int]) -> Table:
    table = Table(box=None, header_style="bold")
    titles = ["workers", "cores", "finish after", "fits", "fits with one lost"]
    if load.backlog_days:
        titles.append(f"days to catch up {load.backlog_days:g}")
    for title in titles:
        table.add_column(title, justify="right")
    for workers in counts:
        fits, with_one_lost = load.fits(workers), load.fits_with_one_lost(workers)
        cells = [f"{workers:,}", f"{workers * load.cores_per_worker:,}", duration(load.seconds(workers))]
        cells += ["yes" if fits else "no", "yes" if with_one_lost else "no"]
        if load.backlog_days:
            days = load.days_to_catch_up(workers)
            cells.append("never" if days is None else f"{days:,.1f}")
        table.add_row(*cells, style="green" if with_one_lost else "yellow" if fits else "red")
    return table


def duration(seconds: float) -> str:
    """`11.6 days`, `19.3 h`, `42.0 min` or `7.5 s`."""
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.1f} s"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage."""
        print(f"error: {message}; --help explains the arguments", file=sys.stderr)
        raise SystemExit(2)


def _parser() -> _Parser:
    parser = _Parser(prog="python -m runtime_guard.plan", description=__doc__)
    parser.add_argument("--rows", type=_positive, required=True, help="rows a run, such as 1e6")
    parser.add_argument("--seconds-per-row", type=_positive, required=True, help="what one core takes for a row")
    parser.add_argument("--interval", type=_interval, default="1d", help="from one run to the next, such as 6h or 1d")
    parser.add_argument("--buffer", type=_share, default=0.2, help="share of the interval to keep free (0.2)")
    parser.add_argument("--cores-per-worker", type=_count, default=1, help="cores of each worker (1)")
    parser.add_argument("--overhead", type=_seconds, default=0.0, help="seconds of start-up and end of a run (0)")
    parser.add_argument("--backlog-days", type=_seconds, default=0.0, help="days of rows left over from an outage")
    parser.add_argument("--plot", type=_picture, help="write a PNG of the finish time against the workers")
    return parser


def _number(text: str, fits: Callable[[float], bool], expected: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not fits(number) or math.isinf(number):
        raise argparse.ArgumentTypeError(f"expected {expected}, found {text!r}")
    return number


def _positive(text: str) -> float:
    return _number(text, lambda number: number > 0, "a number above zero")


def _seconds(text: str) -> float:
    return _number(text, lambda number: number >= 0, "a number that is not below zero")


def _share(text: str) -> float:
    return _number(text, lambda number: 0 <= number < 1, "a share from 0 to less than 1")


def _count(text: str) -> int:
    return int(_number(text, lambda number: number >= 1 and number == int(number), "a whole number above zero"))


def _interval(text: str) -> timedelta:
    try:
        return parse_interval(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".png" or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"expected the name of a .png file in a directory that exists, found {text!r}")
    return path


if __name__ == "__main__":
    sys.exit(main())

"""How many workers a regular run needs: `python -m runtime_guard.plan --rows 1e6 --seconds-per-row 1 --interval 1d`."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.table import Table

from run_contract.formatting import count, duration
from runtime_guard.forecast.interval import parse_interval
from runtime_guard.plan.capacity_plan import Load, describe, worker_counts
from runtime_guard.plan.plot import draw


def main(words: Sequence[str] | None = None) -> int:
    """Print the plan and return the exit code: 0, or 2 after one line that names a wrong argument."""
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
        draw(load, load.enough_with_one_lost() or counts[-1], arguments.plot)
        console.print(f"plot: {arguments.plot}")
    return 0


def make_table(load: Load, counts: Sequence[int]) -> Table:
    """Return a table with a line for each number of workers."""
    table = Table(box=None, header_style="bold")
    titles = ["workers", "cores", "run takes", "fits", "fits with one lost"]
    if load.backlog_days:
        titles.append(f"days to catch up {load.backlog_days:g}")
    for title in titles:
        table.add_column(title, justify="right")
    for workers in counts:
        fits, with_one_lost = load.fits(workers), load.fits_with_one_lost(workers)
        cells = [count(workers), count(workers * load.cores_per_worker), duration(load.seconds(workers))]
        cells += ["yes" if fits else "no", "yes" if with_one_lost else "no"]
        if load.backlog_days:
            days = load.days_to_catch_up(workers)
            cells.append("never" if days is None else f"{days:,.1f}")
        table.add_row(*cells, style="green" if with_one_lost else "yellow" if fits else "red")
    return table


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one line, without the usage."""
        print(f"error: {message}; --help explains the arguments", file=sys.stderr)
        raise SystemExit(2)


def _parser() -> _Parser:
    parser = _Parser(prog="python -m runtime_guard.plan", description=__doc__)
    parser.add_argument("--rows", type=_positive, required=True, help="rows of each run, such as 1e6")
    parser.add_argument("--seconds-per-row", type=_positive, required=True, help="seconds of one core for a row")
    parser.add_argument("--interval", type=_interval, default="1d", help="from one run to the next: 6h, 1d (1d)")
    parser.add_argument("--buffer", type=_share, default=0.2, help="share of the interval to keep free (0.2)")
    parser.add_argument("--cores-per-worker", type=_count, default=1, help="cores of each worker (1)")
    parser.add_argument("--overhead", type=_seconds, default=0.0, help="seconds of start-up and end of each run (0)")
    parser.add_argument("--backlog-days", type=_seconds, default=0.0, help="days of rows left over from an outage (0)")
    parser.add_argument("--plot", type=_png, help="write a PNG of the time of a run against the workers")
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
    return _number(text, lambda number: number >= 0, "zero or a number above it")


def _share(text: str) -> float:
    return _number(text, lambda number: 0 <= number < 1, "a share from 0 to less than 1")


def _count(text: str) -> int:
    return int(_number(text, lambda number: number >= 1 and number == int(number), "a whole number above zero"))


def _interval(text: str) -> timedelta:
    try:
        return parse_interval(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _png(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".png" or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"expected the name of a .png file in a directory that exists, found {text!r}")
    return path


if __name__ == "__main__":
    sys.exit(main())

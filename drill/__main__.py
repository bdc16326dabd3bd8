"""`python -m drill [NAME=VALUE ...]`: what `make drill` calls."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from drill.drill_stack import DrillError, DrillRun, DrillStack
from drill.options import FEWEST, MOST, Options, parse
from drill.record import DrillRecord, make_record
from drill.scenarios import WORKERS, Drill
from local_stack import options as stack_options
from local_stack.command import console, run_command, say
from local_stack.stack import Stack
from run_contract.formatting import UNKNOWN, share
from run_contract.layout import Workspace
from run_contract.record import append_record, require_record
from run_contract.records.predict import ProgressRecord

SAMPLE = stack_options.REPOSITORY / "sample" / "images"
# How long an undisturbed run shall take at least: the sensor polls several times in it.
RUN_SECONDS = 24
# The first day of the schedule: no scheduled run comes in between.
NEVER = "2999-01-01"
WIDTH = 120  # of the table, also where there is no terminal


def make_images(directory: Path, count: int) -> Path:
    """Make a directory with `count` valid images: those of the sample under new names. Existing ones stay."""
    directory.mkdir(parents=True, exist_ok=True)
    good = sorted(path for path in SAMPLE.rglob("*.*") if path.stem[-3:].isdigit())
    for number in range(count):
        original = good[number % len(good)]
        target = directory / f"{number:06d}{original.suffix}"
        if not target.exists():
            target.write_bytes(original.read_bytes())
    return directory


def run_drills(options: Options) -> int:
    """Run the drills. Returns 1 when the alerts of any are not as expected, else 0."""
    count = options.images or MOST
    source = make_images(options.workspace / f"images-{count}", count)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text("")
    records = []
    with started_stack(options.workspace, source) as stack:
        measure(stack, options.images)
        for drill in options.drills:
            say(f"drill {drill.name}: {drill.title}")
            record = run_drill(stack, drill)
            records.append(record)
            append_record(options.output, record)
            for alert in record.alerts:
                say(f"    {alert.seconds:4.0f} s  {alert.level}: {alert.text}")
    Console(width=max(console.width, WIDTH)).print(make_table(records))
    say(f"results: {options.output}")
    return 0 if all(record.as_expected for record in records) else 1


@contextmanager
def started_stack(workspace: Path, source: Path) -> Iterator[DrillStack]:
    local = Stack(stack_options.Options(workspace, WORKERS, max((os.cpu_count() or 1) // WORKERS, 1)), say)
    addresses = local.start(start_date=NEVER)
    try:
        with closing(local.api(addresses)) as api:
            api.unpause()
            yield DrillStack(local, addresses, api, Workspace(workspace), source)
    finally:
        local.end()


def measure(stack: DrillStack, images: int | None) -> None:
    """Do two runs without a fault: one that converts the model and measures the speed, and one that sets base_seconds.

    images: of each further run, or None to choose them by the speed.
    """
    say("drill: two runs without a fault, to measure how long one takes")
    stack.limit = FEWEST // 2
    speed = progress_at_end(stack.start()).steady_images_per_second or 0.0
    stack.limit = images or min(max(round(RUN_SECONDS * speed), FEWEST), MOST)
    run = stack.start()
    stack.base_seconds = run.seconds_until(progress_at_end(run).updated_at)
    say(f"drill: {stack.limit:,} images take {stack.base_seconds:.0f} s")


def progress_at_end(run: DrillRun) -> ProgressRecord:
    """Wait for the end of a run and return its progress. Raises DrillError when the run fails."""
    if run.wait_for_end() != "success":
        raise DrillError(f"run {run.files.run_key}: it failed before any fault was caused; see {run.files.failure}")
    return require_record(ProgressRecord, run.files.progress)


def run_drill(stack: DrillStack, drill: Drill) -> DrillRecord:
    run = drill.execute(stack)
    return make_record(drill, run, stack.api.run(run.run_id).state)


def make_table(records: list[DrillRecord]) -> Table:
    table = Table(title="drills: seconds from when the run was due")
    for name in ("drill", "interval", "predicted", "alerts", "lead s", "lead", "false", "as expected"):
        table.add_column(name, justify="left" if name in ("drill", "alerts") else "right")
    for record in records:
        table.add_row(
            record.drill,
            f"{record.interval_seconds:.0f}",
            f"{record.predicted_seconds:.0f}",
            ", ".join(f"{alert.level} {alert.seconds:.0f}" for alert in record.alerts) or "none",
            UNKNOWN if record.lead_seconds is None else f"{record.lead_seconds:.0f}",
            share(record.lead_share, 0),
            str(record.false_alarms),
            "yes" if record.as_expected else "NO",
        )
    return table


def main(words: list[str]) -> int:
    return run_command(words, lambda known: run_drills(parse(known)), DrillError)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m drill [NAME=VALUE ...]`: what `make drill` calls."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from drill.record import record_of
from drill.scenarios import DRILLS, WORKERS, Drill
from drill.stage import DrillError, Run, Stage
from local_stack.command import console, read_words, run_command, say
from local_stack.options import REPOSITORY, Options, UsageError
from local_stack.stack import Stack
from run_contract.files import read_json
from run_contract.layout import Workspace

SAMPLE = REPOSITORY / "sample" / "pictures"
NAMES = ("ONLY", "OUTPUT", "WORKSPACE", "IMAGES")
# Unless IMAGES is given, as many as take so long undisturbed: time for the watch to look several times.
RUN_SECONDS = 24
FEWEST, MOST = 2048, 16384
# No scheduled run comes in between.
NEVER = "2999-01-01"
WIDTH = 120  # of the table, also where there is no terminal


@dataclass(frozen=True)
class Plan:
    """What was asked for: the drills, how many pictures (None: by the speed of the machine), and where."""

    drills: tuple[Drill, ...]
    images: int | None
    output: Path
    workspace: Path


def parse(words: list[str]) -> Plan:
    """Raises UsageError. Paths are taken from the current directory."""
    values = read_words(words, NAMES)
    images = values.get("IMAGES") or ""
    if images and not (images.isdecimal() and int(images) >= FEWEST):
        raise UsageError(f"IMAGES={images}: it must be a whole number from {FEWEST}, so that there is time for a fault")
    workspace = Path(values.get("WORKSPACE") or REPOSITORY / "workspace" / ".drill").expanduser().absolute()
    output = Path(values.get("OUTPUT") or workspace / "drills.jsonl").expanduser().absolute()
    return Plan(_chosen(values.get("ONLY", "")), int(images) if images else None, output, workspace)


def _chosen(text: str) -> tuple[Drill, ...]:
    """The drills of that name; always the undisturbed one first, which the others are measured by."""
    known = {drill.name: drill for drill in DRILLS}
    names = [name for name in text.split(",") if name] or list(known)
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"ONLY={text}: there is no drill {unknown[0]}; there are {', '.join(known)}")
    return tuple(drill for drill in DRILLS if drill.name in names or drill is DRILLS[0])


def pictures(directory: Path, count: int) -> Path:
    """A directory with `count` good pictures: those of the sample under ever new names."""
    directory.mkdir(parents=True, exist_ok=True)
    good = sorted(path for path in SAMPLE.rglob("*.*") if path.stem[-3:].isdigit())
    for number in range(count):
        original = good[number % len(good)]
        target = directory / f"{number:06d}{original.suffix}"
        if not target.exists():
            target.write_bytes(original.read_bytes())
    return directory


def drill_all(plan: Plan) -> int:
    """Returns 1 when something was not as expected."""
    count = plan.images or MOST
    source = pictures(plan.workspace / f"pictures-{count}", count)
    plan.output.parent.mkdir(parents=True, exist_ok=True)
    plan.output.write_text("")
    records = []
    with stage_of(plan.workspace, source) as stage:
        warm_up(stage, plan.images)
        for drill in plan.drills:
            say(f"drill {drill.name}: {drill.title}")
            record = play(stage, drill)
            records.append(record)
            with open(plan.output, "a", encoding="utf-8") as file:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
            for alert in record["alerts"]:
                say(f"    {alert['seconds']:4.0f} s  {alert['level']}: {alert['text']}")
    Console(width=max(console.width, WIDTH)).print(table_of(records))
    say(f"written: {plan.output}")
    return 0 if all(record["as_expected"] for record in records) else 1


@contextmanager
def stage_of(workspace: Path, source: Path) -> Iterator[Stage]:
    stack = Stack(Options(workspace, WORKERS, max((os.cpu_count() or 1) // WORKERS, 1)), say)
    addresses = stack.start(start_date=NEVER)
    try:
        with closing(stack.api(addresses)) as api:
            api.unpause()
            yield Stage(stack, addresses, api, Workspace(workspace), source)
    finally:
        stack.end()


def warm_up(stage: Stage, images: int | None) -> None:
    """One run that converts the model and tells how fast the machine is, and one that the intervals are taken from."""
    say("drill: two runs without harm, to learn how long one takes")
    stage.limit = FEWEST // 2
    record = progress_of(stage.start())
    stage.limit = images or min(max(round(RUN_SECONDS * record["steady_images_per_second"]), FEWEST), MOST)
    run = stage.start()
    stage.base_seconds = run.seconds_until(progress_of(run)["updated_at"])
    say(f"drill: {stage.limit:,} pictures take {stage.base_seconds:.0f} s")


def progress_of(run: Run) -> dict[str, Any]:
    """What its driver has said last."""
    if run.wait_for_end() != "success":
        raise DrillError(f"run {run.files.run_key}: it failed before any harm was done; see its failure.json")
    record: dict[str, Any] = read_json(run.files.progress)
    return record


def play(stage: Stage, drill: Drill) -> dict[str, Any]:
    run = drill.play(stage)
    return record_of(drill, run, stage.api.run(run.run_id).state)


def table_of(records: list[dict[str, Any]]) -> Table:
    table = Table(title="drills: seconds from when the run was due")
    for name in ("drill", "interval", "predicted", "alerts", "lead s", "lead", "false", "as expected"):
        table.add_column(name, justify="left" if name in ("drill", "alerts") else "right")
    for record in records:
        lead = record["lead_seconds"]
        table.add_row(
            record["drill"],
            f"{record['interval_seconds']:.0f}",
            f"{record['predicted_seconds']:.0f}",
            ", ".join(f"{alert['level']} {alert['seconds']:.0f}" for alert in record["alerts"]) or "none",
            "–" if lead is None else f"{lead:.0f}",
            "–" if lead is None else f"{record['lead_share']:.0%}",
            str(record["false_alarms"]),
            "yes" if record["as_expected"] else "NO",
        )
    return table


def main(words: list[str]) -> int:
    return run_command(words, lambda known: drill_all(parse(known)), DrillError)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

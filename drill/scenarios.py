"""The drills: which fault a run suffers, and which alerts it must and may raise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from drill.drill_stack import DrillRun, DrillStack
from drill.faults import freeze, kill, slowed, thaw
from drill.slow_image import slow_image

WORKERS = 2
# The share of the time that a slowed Python worker runs.
SLOW_SHARE, CRAWL_SHARE = 0.2, 0.05
# Seconds after which an image counts as hung. The time without progress that counts as stalled follows from it.
HUNG_SECONDS = 15
HUNG_NAME = "000000-hung.jpg"  # among the first
# An interval of so many undisturbed runs: standing still for a minute does not make a run late.
ROOMY = 12
URGENT = frozenset({"at_risk", "late"})


@dataclass(frozen=True)
class Drill:
    """execute: starts the run, causes the fault, and returns when the run has ended.

    expected: levels of which at least one must be raised. allowed: levels that are no false alarm.
    """

    name: str
    title: str
    execute: Callable[[DrillStack], DrillRun]
    expected: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()


def interval(stack: DrillStack, share: float) -> str:
    """Return an interval that is `share` of the time that an undisturbed run takes."""
    return f"{stack.base_seconds * share:.0f}s"


def fits(stack: DrillStack) -> DrillRun:
    run = stack.start(interval=interval(stack, 4))
    run.wait_for_end()
    return run


def slow_worker(stack: DrillStack) -> DrillRun:
    run = stack.start(interval=interval(stack, 1.6))
    run.wait_for_rows()
    with slowed(stack.targets, 1, SLOW_SHARE), slowed(stack.targets, 2, SLOW_SHARE):
        run.wait_for_deadline()
    run.wait_for_end()
    return run


def dead_worker(stack: DrillStack) -> DrillRun:
    run = stack.start(interval=interval(stack, 1.2))
    run.wait_for_rows()
    with without_worker(stack, 2):
        run.wait_for_end()
    return run


def worker_joins(stack: DrillStack) -> DrillRun:
    """One worker is too slow; a second one joins after the alert."""
    with without_worker(stack, 2):
        run = stack.start(interval=interval(stack, 3))
        run.wait_for_rows()
        with slowed(stack.targets, 1, SLOW_SHARE):
            run.wait_for_alert(*URGENT)
    run.wait_for_end()
    return run


def hung_image(stack: DrillStack) -> DrillRun:
    path = stack.source / HUNG_NAME
    path.write_bytes(slow_image())
    try:
        run = stack.start(interval=interval(stack, 1.5), image_timeout=HUNG_SECONDS)
        run.wait_for_end()
    finally:
        path.unlink()
    return run


def stalled_driver(stack: DrillStack) -> DrillRun:
    run = stack.start(interval=interval(stack, ROOMY), image_timeout=HUNG_SECONDS)
    run.wait_for_rows()
    frozen = stack.targets.driver()
    freeze(frozen)
    try:
        run.wait_for_alert("stalled")
    finally:
        thaw(frozen)
    run.wait_for_end()
    return run


def killed_driver(stack: DrillStack) -> DrillRun:
    run = stack.start(interval=interval(stack, ROOMY))
    run.wait_for_rows()
    kill(stack.targets.driver())
    run.wait_for_end()
    return run


def restarted_triggerer(stack: DrillStack) -> DrillRun:
    """Between the alerts at_risk and late no triggerer runs, until its failure is noticed and another takes over."""
    run = stack.start(interval=interval(stack, 4))
    run.wait_for_rows()
    with slowed(stack.targets, 1, CRAWL_SHARE), slowed(stack.targets, 2, CRAWL_SHARE):
        run.wait_for_alert(*URGENT)
        stack.local.restart_triggerer()
        run.wait_for_deadline()
    run.wait_for_end()
    return run


@contextmanager
def without_worker(stack: DrillStack, number: int) -> Iterator[None]:
    """Kill Spark worker `number` for the time of the block; afterwards it joins again."""
    stack.local.kill(f"worker-{number}")
    try:
        yield
    finally:
        stack.local.start_worker(stack.addresses, number)


DRILLS = (
    Drill("fits", "nothing goes wrong", fits),
    Drill("slow_worker", "both workers slow down", slow_worker, URGENT, URGENT | {"breached"}),
    Drill("dead_worker", "one of two workers dies", dead_worker, URGENT, URGENT | {"breached", "stalled", "recovered"}),
    Drill("worker_joins", "too slow, then a worker joins", worker_joins, URGENT, URGENT | {"recovered"}),
    Drill(
        "hung_image",
        "the decoding of an image does not end",
        hung_image,
        URGENT | {"stalled"},
        URGENT | {"stalled", "recovered", "breached"},
    ),
    Drill(
        "stalled_driver",
        "the driver is frozen",
        stalled_driver,
        frozenset({"stalled"}),
        frozenset({"stalled", "at_risk", "recovered"}),  # a run that stands still is at risk as well
    ),
    Drill(
        "killed_driver",
        "the driver is killed and retried",
        killed_driver,
        frozenset(),
        frozenset({"stalled", "recovered"}),
    ),
    Drill(
        "restarted_triggerer",
        "both workers slow down and the triggerer restarts",
        restarted_triggerer,
        URGENT,
        URGENT | {"breached"},
    ),
)

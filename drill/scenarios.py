"""The drills: what is done to a run, and what a person should have been told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from drill.faults import freeze, kill, slowed, thaw
from drill.slow_image import slow_image
from drill.stage import Run, Stage

WORKERS = 2
# What is left of the speed of a Python worker.
SLOW_SHARE, CRAWL_SHARE = 0.2, 0.05
# Seconds after which an image counts as hung; how long a silence must be to be told follows from it.
HUNG_SECONDS = 15
HUNG_NAME = "000000-hung.jpg"  # among the first
# So much time that standing still for a minute does not make a run late.
ROOMY = 12
URGENT = frozenset({"at_risk", "late"})


@dataclass(frozen=True)
class Drill:
    """play: starts the run, does the harm, and returns when the run is over.

    expected: levels of which at least one must be raised; allowed: those that are no false alarm.
    """

    name: str
    title: str
    play: Callable[[Stage], Run]
    expected: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()


def interval(stage: Stage, share: float) -> str:
    """An interval that is `share` of what an undisturbed run takes."""
    return f"{stage.base_seconds * share:.0f}s"


def fits(stage: Stage) -> Run:
    run = stage.start(interval=interval(stage, 4))
    run.wait_for_end()
    return run


def slow_worker(stage: Stage) -> Run:
    run = stage.start(interval=interval(stage, 1.6))
    run.wait_for_rows()
    with slowed(stage.victims, 1, SLOW_SHARE), slowed(stage.victims, 2, SLOW_SHARE):
        run.wait_for_deadline()
    run.wait_for_end()
    return run


def dead_worker(stage: Stage) -> Run:
    run = stage.start(interval=interval(stage, 1.2))
    run.wait_for_rows()
    with without_worker(stage, 2):
        run.wait_for_end()
    return run


def worker_joins(stage: Stage) -> Run:
    """Too slow on one worker; a second one joins after the alert."""
    with without_worker(stage, 2):
        run = stage.start(interval=interval(stage, 3))
        run.wait_for_rows()
        with slowed(stage.victims, 1, SLOW_SHARE):
            run.wait_for_alert(*URGENT)
    run.wait_for_end()
    return run


def hung_image(stage: Stage) -> Run:
    path = stage.source / HUNG_NAME
    path.write_bytes(slow_image())
    try:
        run = stage.start(interval=interval(stage, 1.5), image_timeout=HUNG_SECONDS)
        run.wait_for_end()
    finally:
        path.unlink()
    return run


def stalled_driver(stage: Stage) -> Run:
    run = stage.start(interval=interval(stage, ROOMY), image_timeout=HUNG_SECONDS)
    run.wait_for_rows()
    frozen = stage.victims.driver()
    freeze(frozen)
    try:
        run.wait_for_alert("stalled")
    finally:
        thaw(frozen)
    run.wait_for_end()
    return run


def killed_driver(stage: Stage) -> Run:
    run = stage.start(interval=interval(stage, ROOMY))
    run.wait_for_rows()
    kill(stage.victims.driver())
    run.wait_for_end()
    return run


def restarted_triggerer(stage: Stage) -> Run:
    """Between at risk and late nobody watches, for the time that a triggerer takes to be missed and replaced."""
    run = stage.start(interval=interval(stage, 4))
    run.wait_for_rows()
    with slowed(stage.victims, 1, CRAWL_SHARE), slowed(stage.victims, 2, CRAWL_SHARE):
        run.wait_for_alert(*URGENT)
        stage.stack.restart_triggerer()
        run.wait_for_deadline()
    run.wait_for_end()
    return run


@contextmanager
def without_worker(stage: Stage, number: int) -> Iterator[None]:
    """Inside, Spark worker `number` is dead; afterwards it has joined again."""
    stage.stack.kill(f"worker-{number}")
    try:
        yield
    finally:
        stage.stack.start_worker(stage.addresses, number)


DRILLS = (
    Drill("fits", "nothing goes wrong", fits),
    Drill("slow_worker", "both workers slow down", slow_worker, URGENT, URGENT | {"breached"}),
    Drill("dead_worker", "one of two workers dies", dead_worker, URGENT, URGENT | {"breached", "stalled", "recovered"}),
    Drill("worker_joins", "too slow, then a worker joins", worker_joins, URGENT, URGENT | {"recovered"}),
    Drill(
        "hung_image",
        "an image takes for ever to decode",
        hung_image,
        URGENT | {"stalled"},
        URGENT | {"stalled", "recovered", "breached"},
    ),
    Drill(
        "stalled_driver",
        "the driver stands still",
        stalled_driver,
        frozenset({"stalled"}),
        frozenset({"stalled", "at_risk", "recovered"}),  # who stands still is at risk as well
    ),
    Drill(
        "killed_driver",
        "the driver is killed, and tried again",
        killed_driver,
        frozenset(),
        frozenset({"stalled", "recovered"}),
    ),
    Drill(
        "restarted_triggerer", "slow, and the triggerer restarts", restarted_triggerer, URGENT, URGENT | {"breached"}
    ),
)

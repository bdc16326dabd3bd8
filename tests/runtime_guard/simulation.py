"""Simulated runs with the disturbances that a forecast has to cope with, as named numbers.

The time of a row on a core is  usual cost x cost of this run x drift x place in the manifest x task noise.  Pieces
have the sizes of the manifest's shards and are taken in order by whichever core is free; the work in the hands of a
worker that is lost is done again.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from run_contract.manifest_layout import next_shard_rows
from runtime_guard.forecast.records import PastRun, Sample, WorkProgress, WorkState

# Seconds per row of the tasks of two real runs (3,000 photos on two cores), divided by the mean of their run.
REAL_TASKS = (1.037, 1.070, 0.996, 0.926, 0.979, 0.993, 0.955, 1.129, 1.049, 0.949, 0.993, 0.925)
PIECE_ROWS = (512, 1024, 2048, 4096)  # sixteen of each, then only the last


@dataclass(frozen=True)
class Population:
    """The runs of a daily DAG. Shares are of runs, times are shares of the interval, spreads are of logarithms."""

    interval_seconds: float = 86_400.0
    rows: tuple[float, float] = (5e5, 3e6)  # log-uniform
    workers: tuple[int, int] = (3, 12)
    cores_per_worker: int = 2
    load: float = 0.45  # the time an ordinary run takes: people schedule with room to spare
    load_spread: float = 0.2
    cost_spread: float = 0.05  # from run to run
    drift_spread: float = 0.05  # within a run, autocorrelated over drift_time
    drift_time: float = 0.1
    skewed: float = 0.3  # runs whose images cost more here and less there, along the manifest
    skew_spread: float = 0.12
    skew_parts: int = 6
    straggler: float = 0.005  # share of tasks that take straggler_factor as long
    straggler_factor: float = 3.0
    start_up: float = 0.001
    start_up_spread: float = 0.4
    upstream: tuple[float, float] = (0.005, 0.03)  # download, manifest and plan, before predict
    # Why runs miss their deadline.
    surge: float = 0.05  # a backlog, a new source: a multiple of the usual rows, known when the run is planned
    surge_factor: tuple[float, float] = (1.3, 5.0)
    slow: float = 0.03  # another engine, a sick disk: a multiple of the usual cost, not known before
    slow_factor: tuple[float, float] = (1.3, 4.0)
    outage: float = 0.04  # a part of the workers is lost at once, for good
    outage_part: tuple[float, float] = (0.4, 0.9)
    worker_lost: float = 0.02  # each worker, some time in the interval
    worker_returns: float = 0.5
    worker_away: tuple[float, float] = (0.01, 0.2)
    worker_joins: float = 0.05
    # The history.
    history_runs: tuple[int, int] = (5, 25)
    history_outlier: float = 0.07
    outlier_factor: tuple[float, float] = (1.5, 5.0)
    history_without_rate: float = 0.1
    history_carried: float = 0.15


@dataclass
class SimulatedRun:
    """A run; seconds count from when it was due.

    commits: (seconds, rows done by then). cores: (seconds, cores from then on).
    """

    history: list[PastRun]
    rows: int
    pieces: int
    planned_cores: int
    submitted: float
    predicting: float
    deadline: float
    troubles: list[str]
    commits: list[tuple[float, int]] = field(default_factory=list)
    cores: list[tuple[float, int]] = field(default_factory=list)
    finish: float = 0.0

    @property
    def misses(self) -> bool:
        return self.finish > self.deadline

    def when_done(self, share: float) -> float:
        """Return when this share of the rows was done."""
        return next(seconds for seconds, rows in self.commits if rows >= share * self.rows)

    def polls(self, every: float) -> Iterator[tuple[float, WorkProgress]]:
        """Yield (seconds, what the task reports then), until the run or its interval has ended."""
        samples: list[Sample] = []
        state, done, rows_done, cores = WorkState.STARTING, 0, 0, self.planned_cores
        commit_times = [seconds for seconds, _ in self.commits]
        change_times = [seconds for seconds, _ in self.cores]
        now = self.submitted
        while (now := now + every) < min(self.finish, self.deadline):
            if now >= self.predicting:
                if not samples:
                    samples.append(Sample(self.predicting, 0, self.cores[0][1], next_shard_rows(0)))
                    state = WorkState.WORKING
                done = bisect_right(commit_times, now)
                cores = self.cores[bisect_right(change_times, now) - 1][1]
                rows_done = self.commits[done - 1][1] if done else 0
                samples.append(Sample(now, rows_done, cores, next_shard_rows(rows_done)))
            yield (
                now,
                WorkProgress(
                    state,
                    started_at=at(self.submitted),
                    rows_total=self.rows,
                    rows_done=rows_done,
                    pieces_total=self.pieces,
                    pieces_done=done,
                    cores=cores,
                    samples=tuple(samples),
                ),
            )


def simulate(seed: int, population: Population | None = None) -> SimulatedRun:
    world, random = population or Population(), Random(seed)
    interval = world.interval_seconds
    workers = random.randint(*world.workers)
    cores = workers * world.cores_per_worker
    rows = int(math.exp(random.uniform(*map(math.log, world.rows))))
    usual_cost = world.load * random.lognormvariate(0, world.load_spread) * interval * cores / rows
    history = list(_history(world, random, usual_cost, rows, cores))
    troubles, cost = [], usual_cost * random.lognormvariate(0, world.cost_spread)
    if random.random() < world.surge:
        troubles.append("surge")
        rows = int(rows * random.uniform(*world.surge_factor))
    if random.random() < world.slow:
        troubles.append("slow")
        cost *= random.uniform(*world.slow_factor)
    submitted = interval * random.uniform(*world.upstream)
    start_up = interval * world.start_up * random.lognormvariate(0, world.start_up_spread)
    pieces = _pieces(rows)
    run = SimulatedRun(history, rows, len(pieces), cores, submitted, submitted + start_up, interval, troubles)
    changes = _changes(world, random, workers, run)
    _execute(run, pieces, _pace(world, random, cost, len(pieces)), random, world, workers, changes)
    run.finish = run.commits[-1][0] + 0.1 * start_up
    return run


def _pieces(rows: int) -> list[int]:
    sizes: list[int] = []
    while rows > 0:
        sizes.append(min(PIECE_ROWS[min(len(sizes) // 16, len(PIECE_ROWS) - 1)], rows))
        rows -= sizes[-1]
    return sizes


def _history(world: Population, random: Random, usual_cost: float, rows: int, cores: int) -> Iterator[PastRun]:
    """Yield earlier runs, the oldest of them on another number of cores."""
    count = random.randint(*world.history_runs)
    mean_piece = rows / len(_pieces(rows))
    older, older_cores = random.randint(0, count), max(1, round(cores * random.uniform(0.4, 2)))
    for index in range(count):
        on = older_cores if index < older else cores
        total = int(rows * random.lognormvariate(0, 0.1))
        predicted = int(total * random.uniform(0, 1)) if random.random() < world.history_carried else total
        # Drift and skew are part of the cost of a whole run.
        cost = usual_cost * random.lognormvariate(0, world.cost_spread)
        start_up = world.interval_seconds * world.start_up * random.lognormvariate(0, world.start_up_spread)
        if random.random() < world.history_outlier:
            cost *= random.uniform(*world.outlier_factor)
        working = cost * (predicted + (on - 1) * mean_piece / 2) / on  # the last tasks keep other cores waiting
        known = random.random() >= world.history_without_rate
        yield PastRun(total, predicted, on, working + 1.1 * start_up, total / working if known else None)


def _pace(world: Population, random: Random, cost: float, pieces: int) -> list[float]:
    """Return the seconds per row of each piece, without the noise of its task."""
    spread = world.skew_spread if random.random() < world.skewed else 0.0
    parts = [random.lognormvariate(0, spread) for _ in range(world.skew_parts)]
    return [cost * parts[index * world.skew_parts // pieces] for index in range(pieces)]


def _changes(world: Population, random: Random, workers: int, run: SimulatedRun) -> list[tuple[float, int, int]]:
    """Return (seconds, worker, +1 for joined or -1 for lost), in order; one worker always stays."""
    span, changes = run.deadline, []
    for worker in range(1, workers):
        if random.random() < world.worker_lost:
            run.troubles.append("worker lost")
            lost = random.uniform(run.predicting, span)
            changes.append((lost, worker, -1))
            if random.random() < world.worker_returns:
                changes.append((lost + span * random.uniform(*world.worker_away), worker, 1))
    if random.random() < world.outage:
        run.troubles.append("outage")
        lost, part = random.uniform(run.predicting, span), random.uniform(*world.outage_part)
        changes += [(lost, worker, -1) for worker in range(1, 1 + min(round(workers * part), workers - 1))]
    if random.random() < world.worker_joins:
        changes.append((random.uniform(run.predicting, span), workers, 1))
    return sorted(changes)


def _execute(
    run: SimulatedRun,
    pieces: list[int],
    pace: list[float],
    random: Random,
    world: Population,
    workers: int,
    changes: list[tuple[float, int, int]],
) -> None:
    """Run the pieces with list scheduling: events are ends of pieces and changes of the cluster, in order."""
    waiting = deque(range(len(pieces)))
    present = set(range(workers))
    working: dict[tuple[int, int], int] = {}  # core -> piece
    idle = [(worker, core) for worker in range(workers) for core in range(world.cores_per_worker)]
    began: dict[tuple[int, int], float] = {}
    events: list[tuple[float, int, Any]] = [(seconds, 0, change) for seconds, *change in changes]
    heapq.heapify(events)
    drift, drifted_at, done = 0.0, run.predicting, 0
    now = run.predicting
    run.cores.append((now, len(present) * world.cores_per_worker))
    while True:
        memory = math.exp(-(now - drifted_at) / (world.drift_time * world.interval_seconds))
        drift = drift * memory + random.gauss(0, world.drift_spread) * math.sqrt(1 - memory**2)
        drifted_at = now
        while idle and waiting:
            core, piece = idle.pop(), waiting.popleft()
            seconds = pieces[piece] * pace[piece] * math.exp(drift) * random.choice(REAL_TASKS)
            seconds *= world.straggler_factor if random.random() < world.straggler else 1.0
            working[core], began[core] = piece, now
            heapq.heappush(events, (now + seconds, 1, (core, now)))
        if not working:
            return
        now, kind, what = heapq.heappop(events)
        if kind:
            core, started = what
            if began.get(core) == started and core in working:
                done += pieces[working.pop(core)]
                run.commits.append((now, done))
                idle.append(core)
            continue
        worker, sign = what
        own = [(worker, core) for core in range(world.cores_per_worker)]
        if sign > 0 and worker not in present:
            present.add(worker)
            idle += own
        elif sign < 0 and worker in present:
            present.remove(worker)
            idle = [core for core in idle if core[0] != worker]
            waiting.extendleft(working.pop(core) for core in own if core in working)
        run.cores.append((now, len(present) * world.cores_per_worker))


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

"""A run as one poll sees it: its plan, its progress, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from runtime_guard.forecast.finish import Forecast, forecast_rest, forecast_run
from runtime_guard.forecast.live_pace import attempt_samples
from runtime_guard.forecast.records import Pace, Phase, SchedulerState, WorkPlan, WorkProgress, WorkState

REPORT_SECONDS = 15.0
"""A report older than this does not prove that the task runs. While it works, it reports much more often."""
PATIENCE = 3.0
"""A silence of up to this many times the usual pause is the ordinary scatter of pieces."""
SHORTEST_SILENCE = 30.0
ITEM_TIMEOUTS = 2.5
"""A hung row is tried twice, and each time its process has to start again."""
LONGEST_START = 180.0
"""Long enough for preparations that only a first run needs."""
UNKNOWN_SILENCE = 3600.0
SHORTEST_WAIT = 30.0
BUFFER_SHARE = 0.5
"""The share of the buffer that waiting may use."""


@dataclass(frozen=True)
class Observation:
    """What one poll sees of the run.

    miss_probability: of finishing after deadline_at; None while nothing is known. last_advance: when rows were last
    counted. expected_silence: seconds without a row that are usual. queue_limit: seconds that the run may wait. None
    means that there is no such limit.
    """

    now: datetime
    phase: Phase
    miss_probability: float | None = None
    deadline_at: datetime | None = None
    last_advance: datetime | None = None
    expected_silence: float | None = None
    queue_limit: float | None = None


@dataclass(frozen=True)
class RunStatus:
    """A run at one moment. forecast: of the time left; None while nothing is known."""

    name: str
    plan: WorkPlan
    progress: WorkProgress
    forecast: Forecast | None
    observation: Observation

    @property
    def rows_total(self) -> int:
        return self.progress.rows_total or self.plan.rows

    @property
    def rows_done(self) -> int:
        return self.progress.rows_done


def make_run_status(
    name: str, plan: WorkPlan, progress: WorkProgress, now: datetime, scheduler_state: SchedulerState
) -> RunStatus:
    """Return the status of the run `name` at `now`."""
    phase = find_phase(scheduler_state, progress)
    forecast = _forecast(phase, plan, progress, now)
    left = (plan.deadline_at - now).total_seconds() if plan.deadline_at else None
    observation = Observation(
        now=now,
        phase=phase,
        miss_probability=forecast.miss_probability(left) if forecast and left is not None else None,
        deadline_at=plan.deadline_at,
        last_advance=last_advance(progress),
        expected_silence=expected_silence(phase, progress, plan.pace),
        queue_limit=queue_limit(plan),
    )
    return RunStatus(name, plan, progress, forecast, observation)


def reported_state(progress: WorkProgress, now: datetime) -> SchedulerState | None:
    """Return the state of the task as its own report shows it; None if only the scheduler can know.

    That is so after a failure, which may be tried again, and for a report that is older than REPORT_SECONDS, or from a
    clock that is ahead by more: the task may be dead.
    """
    if progress.updated_at is None or progress.state in (None, WorkState.FAILED):
        return None
    if abs((now - progress.updated_at).total_seconds()) > REPORT_SECONDS:
        return None
    return SchedulerState.ENDED if progress.state == WorkState.FINISHED else SchedulerState.RUNNING


def find_phase(scheduler_state: SchedulerState, progress: WorkProgress) -> Phase:
    """Return the phase: from the scheduler's view, and for a task that runs from its own report."""
    if scheduler_state == SchedulerState.ENDED or progress.state == WorkState.FINISHED:
        return Phase.ENDED
    if scheduler_state != SchedulerState.RUNNING:
        return Phase.RETRYING if scheduler_state == SchedulerState.RETRYING else Phase.WAITING
    if progress.state == WorkState.WORKING:
        return Phase.WORKING
    return Phase.WAITING if progress.waiting else Phase.STARTING


def _forecast(phase: Phase, plan: WorkPlan, progress: WorkProgress, now: datetime) -> Forecast | None:
    if phase == Phase.WORKING:
        return forecast_rest(plan.pace, progress, now)
    if plan.pace is None or not plan.cores:
        return None
    return forecast_run(plan.pace, max(plan.new_rows - progress.rows_done, 0), plan.cores)


def advances(progress: WorkProgress) -> list[float]:
    """Return when this attempt began to work and when rows were counted; Unix time, as exact as the samples."""
    samples = attempt_samples(progress)
    steps = [*samples[:1], *(new for old, new in pairwise(samples) if new.rows > old.rows)]
    return [step.seconds for step in steps]


def last_advance(progress: WorkProgress) -> datetime | None:
    """Return when rows were last counted; None if none were."""
    moments = advances(progress)[1:]
    return datetime.fromtimestamp(moments[-1], UTC) if moments else None


def expected_silence(phase: Phase, progress: WorkProgress, pace: Pace | None) -> float | None:
    """Return the seconds without a row that are usual: from the run's own pauses, before them from the plan's pace."""
    if phase == Phase.STARTING:
        usual = pace.overhead_seconds + pace.overhead_spread if pace else 0.0
        return max(LONGEST_START, PATIENCE * usual)
    if phase != Phase.WORKING:
        return None
    least = max(SHORTEST_SILENCE, ITEM_TIMEOUTS * progress.item_timeout)
    pieces_left = max(progress.pieces_total - progress.pieces_done, 1)
    next_rows = (progress.rows_total - progress.rows_done) / pieces_left
    if len(advances(progress)) > 1:
        usual = _usual_pause(progress, next_rows, pieces_left)
    elif pace:
        usual = pace.overhead_seconds + next_rows * pace.core_seconds_per_row
    else:
        usual = UNKNOWN_SILENCE / PATIENCE
    return max(least, PATIENCE * usual)


def _usual_pause(progress: WorkProgress, next_rows: float, pieces_left: int) -> float:
    """Return the longest pause so far, in proportion to the size of the next pieces.

    Or, if that is longer, the time of a piece divided by the pieces at work, which are few at the end.
    """
    moments, samples = advances(progress), attempt_samples(progress)
    growth = max(next_rows * progress.pieces_done / max(progress.rows_done, 1), 1.0)
    cores = max(progress.cores, 1)
    seconds_per_row = (moments[-1] - moments[0]) / (samples[-1].rows - samples[0].rows)
    piece_seconds = next_rows * seconds_per_row * cores
    return max(growth * max(new - old for old, new in pairwise(moments)), piece_seconds / min(cores, pieces_left))


def queue_limit(plan: WorkPlan) -> float | None:
    """Return how many seconds the run may wait; None without a deadline.

    That is until half the buffer is used, or until the plan's P90 no longer fits.
    """
    if not plan.alert_at or not plan.deadline_at:
        return None
    limits = [BUFFER_SHARE * (plan.deadline_at - plan.alert_at).total_seconds()]
    if plan.planned_at and plan.p90_seconds is not None:
        slack = (plan.deadline_at - plan.planned_at).total_seconds() - plan.p90_seconds
        limits += [slack] if slack > 0 else []
    return max(SHORTEST_WAIT, min(limits))

"""A run as one poll finds it: its files, the state of predict, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from run_contract.files import read_json
from run_contract.layout import RunPaths
from runtime_guard.airflow.task_states import has_ended
from runtime_guard.alerting.levels import Observation, Phase
from runtime_guard.forecast.finish import Forecast, forecast_rest, forecast_run
from runtime_guard.forecast.live_pace import attempt_samples
from runtime_guard.forecast.pace import Pace

PATIENCE = 3.0
"""So many times what is usual: less is the ordinary scatter of shards."""
SHORTEST_SILENCE = 30.0
IMAGE_TIMEOUTS = 2.5
"""A hung image is tried twice, and each time its worker has to start again."""
LONGEST_START = 180.0
"""A model that is new is converted first."""
UNKNOWN_SILENCE = 3600.0
SHORTEST_WAIT = 30.0
BUFFER_SHARE = 0.5
"""The share of the buffer that waiting may take."""


@dataclass(frozen=True)
class RunStatus:
    """plan, progress: empty while there is none. forecast: of the time still to go; None while nothing is known."""

    run_key: str
    plan: Mapping[str, Any]
    progress: Mapping[str, Any]
    pace: Pace | None
    forecast: Forecast | None
    observation: Observation

    @property
    def rows_total(self) -> int:
        return int(self.progress.get("rows_total") or self.plan.get("rows") or 0)

    @property
    def rows_done(self) -> int:
        return int(self.progress.get("rows_done") or 0)


def read_status(run: RunPaths, now: datetime, state: str | None) -> RunStatus:
    """state: of the task predict, as Airflow tells it."""
    plan, progress = read_json(run.plan) or {}, read_json(run.progress) or {}
    pace = Pace.from_json(plan["pace"]) if plan.get("pace") else None
    phase = find_phase(state, progress)
    forecast = _forecast(phase, plan, progress, pace, now)
    deadline = _moment(plan.get("deadline_at"))
    left = (deadline - now).total_seconds() if deadline else None
    observation = Observation(
        now=now,
        phase=phase,
        miss_probability=forecast.miss_probability(left) if forecast and left is not None else None,
        deadline_at=deadline,
        last_advance=last_advance(progress),
        expected_silence=expected_silence(phase, progress, pace),
        queue_limit=queue_limit(plan),
    )
    return RunStatus(run.run_key, plan, progress, pace, forecast, observation)


def find_phase(state: str | None, progress: Mapping[str, Any]) -> Phase:
    if has_ended(state) or progress.get("state") == "finished":
        return Phase.ENDED
    if state in ("up_for_retry", "restarting"):
        return Phase.PAUSING
    if state != "running":
        return Phase.WAITING
    if progress.get("state") == "predicting":
        return Phase.PREDICTING
    return Phase.WAITING if progress.get("waiting") else Phase.STARTING


def _forecast(
    phase: Phase, plan: Mapping[str, Any], progress: Mapping[str, Any], pace: Pace | None, now: datetime
) -> Forecast | None:
    if phase == Phase.PREDICTING:
        return forecast_rest(pace, progress, now)
    cores, rows = plan.get("cores"), plan.get("rows_to_predict", plan.get("rows"))
    if pace is None or not cores or rows is None:
        return None
    return forecast_run(pace, max(rows - (progress.get("rows_done") or 0), 0), cores)


def advances(progress: Mapping[str, Any]) -> list[float]:
    """When predicting began and when rows were committed, in this attempt; Unix time, as exact as its samples."""
    samples = attempt_samples(progress)
    return [sample[0] for sample in samples[:1]] + [new[0] for old, new in pairwise(samples) if new[1] > old[1]]


def last_advance(progress: Mapping[str, Any]) -> datetime | None:
    """When rows were committed last; None when none were."""
    moments = advances(progress)[1:]
    return datetime.fromtimestamp(moments[-1], UTC) if moments else None


def expected_silence(phase: Phase, progress: Mapping[str, Any], pace: Pace | None) -> float | None:
    """The seconds without a row that mean nothing yet, from the run's own pauses, before them from the plan's pace.

    Shards grow along the manifest, and the pauses with them.
    """
    if phase == Phase.STARTING:
        usual = pace.overhead_seconds + pace.overhead_spread if pace else 0.0
        return max(LONGEST_START, PATIENCE * usual)
    if phase != Phase.PREDICTING:
        return None
    least = max(SHORTEST_SILENCE, IMAGE_TIMEOUTS * float(progress.get("image_timeout", 0.0)))
    shards_left = max(int(progress["shards_total"]) - int(progress["shards_done"]), 1)
    next_rows = (int(progress["rows_total"]) - int(progress["rows_done"])) / shards_left
    if len(advances(progress)) > 1:
        usual = _usual_pause(progress, next_rows, shards_left)
    elif pace:
        usual = pace.overhead_seconds + next_rows * pace.core_seconds_per_row
    else:
        usual = UNKNOWN_SILENCE / PATIENCE
    return max(least, PATIENCE * usual)


def _usual_pause(progress: Mapping[str, Any], next_rows: float, shards_left: int) -> float:
    """The longest pause so far, stretched for shards that are larger than those; or, when that is longer, the time of a
    shard by the number of them at work, which gets small at the end."""
    moments, samples = advances(progress), attempt_samples(progress)
    growth = max(next_rows * int(progress["shards_done"]) / max(int(progress["rows_done"]), 1), 1.0)
    cores = max(int(progress["cores"]), 1)
    seconds_per_row = (moments[-1] - moments[0]) / (samples[-1][1] - samples[0][1])
    shard_seconds = next_rows * seconds_per_row * cores
    return max(growth * max(new - old for old, new in pairwise(moments)), shard_seconds / min(cores, shards_left))


def queue_limit(plan: Mapping[str, Any]) -> float | None:
    """How long predict may wait: until half the buffer is gone, or the plan's P90 no longer fits. None: no deadline."""
    alert_at, deadline, planned = (_moment(plan.get(key)) for key in ("alert_at", "deadline_at", "planned_at"))
    if not alert_at or not deadline:
        return None
    limits = [BUFFER_SHARE * (deadline - alert_at).total_seconds()]
    if planned and plan.get("p90_seconds") is not None:
        slack = (deadline - planned).total_seconds() - plan["p90_seconds"]
        limits += [slack] if slack > 0 else []
    return max(SHORTEST_WAIT, min(limits))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

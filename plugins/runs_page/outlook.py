"""What runtime_guard expects of a run in progress."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from run_contract.layout import RunPaths
from runs_page.tolerance import unless_damaged
from runtime_guard.airflow.task_states import scheduler_state
from runtime_guard.alerting.alert_text import what_helps, when_it_ends
from runtime_guard.alerting.levels import AT_RISK_ABOVE
from runtime_guard.alerting.watched_run import read_status
from runtime_guard.batch_run import BatchRun
from runtime_guard.forecast.live_pace import current_pace
from runtime_guard.forecast.records import Phase
from runtime_guard.forecast.run_status import RunStatus
from runtime_guard.forecast.scale_up import ScaleUp, find_scale_up, workers_and_cores


class FinishTimes(NamedTuple):
    """When predict is expected to end, with 10%, 50% and 90% probability."""

    p10: datetime
    p50: datetime
    p90: datetime


@dataclass(frozen=True)
class Outlook:
    """A run in progress at one moment.

    finish: None while nothing is known, and after predict. miss_probability: of ending after the deadline, 0 to 1; None
    while it is not known. forecast_text, advice: as in an alert. pace: images per second over the last quarter of the
    attempt. workers, cores: of the run; 0 while they are not known. scale_up: None when the run needs none, or when
    none helps.
    """

    phase: Phase
    finish: FinishTimes | None
    miss_probability: float | None
    forecast_text: str
    advice: str
    pace: float | None
    workers: int
    cores: int
    scale_up: ScaleUp | None


@unless_damaged(None)
def find_outlook(run: RunPaths, now: datetime, predict_state: str | None) -> Outlook | None:
    """Return the outlook of a run, or None when its files do not allow one. predict_state: as Airflow names it."""
    batch_run = BatchRun(run)
    status = read_status(batch_run, now, scheduler_state(predict_state))
    phase, probability = status.observation.phase, status.observation.miss_probability
    workers, cores_each = workers_and_cores(status)
    at_risk = probability is not None and probability > AT_RISK_ABOVE
    return Outlook(
        phase=phase,
        finish=_finish_times(status),
        miss_probability=probability,
        forecast_text=when_it_ends(status),
        advice=what_helps(status, batch_run.advice),
        pace=current_pace(status.progress, now) if phase == Phase.WORKING else None,
        workers=workers,
        cores=workers * cores_each,
        scale_up=find_scale_up(status) if at_risk else None,
    )


def _finish_times(status: RunStatus) -> FinishTimes | None:
    forecast, now = status.forecast, status.observation.now
    if forecast is None or status.observation.phase == Phase.ENDED:
        return None
    return FinishTimes(*(now + timedelta(seconds=forecast.quantile(p)) for p in (0.1, 0.5, 0.9)))

"""From RunData to the data of a run's plots; None when there is nothing to draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from run_contract.records.metrics import ConfusionCell, Verdict
from runs_page.plots.burn_up import BurnUp, Samples
from runs_page.plots.outcome import ClassBalance
from runs_page.run_data import RunData

TREND_RUNS = 30


def burn_up_data(run_data: RunData) -> BurnUp | None:
    plan, progress, now = run_data.plan, run_data.progress, run_data.drawn_at
    total = (progress.rows_total if progress else 0) or (plan.rows if plan else 0)
    samples: Samples = tuple(
        (sample.seconds, sample.rows)
        for sample in (progress.samples if progress else ())
        if run_data.ended or sample.seconds <= now.timestamp()
    )
    outlook = None if run_data.ended else run_data.outlook_at(now)
    finish = outlook.finish if outlook else None
    if not total or not (samples or finish):
        return None
    planned = (plan.p50_finish_at, plan.p90_finish_at) if plan and not finish else (None, None)
    return BurnUp(
        samples if finish else _with_last_report(run_data, samples),
        total,
        now,
        finish,
        (planned[0], planned[1]) if planned[0] and planned[1] else None,
        run_data.deadline,
    )


def _with_last_report(run_data: RunData, samples: Samples) -> Samples:
    """The driver samples while it predicts, and counts the last images after that."""
    progress = run_data.progress
    if not samples or not progress or progress.updated_at.timestamp() < samples[-1][0]:
        return samples
    return (*samples, (progress.updated_at.timestamp(), progress.rows_done))


def class_data(run_data: RunData) -> ClassBalance | None:
    if run_data.metrics is None or not sum(run_data.metrics.predictions.values()):
        return None
    return ClassBalance(run_data.metrics.predictions, _published_before(run_data))


def _published_before(run_data: RunData) -> Mapping[str, int]:
    """Return how many images of each label the last valid run before this one has; empty when there is none."""
    before = [
        record
        for record in run_data.history
        if record.verdict == Verdict.VALID and record.run_key < run_data.paths.run_key and record.predictions
    ]
    return max(before, key=lambda record: record.run_key).predictions if before else {}


def confidence_data(run_data: RunData) -> tuple[int, ...] | None:
    return (run_data.metrics.probability_histogram or None) if run_data.metrics else None


def confusion_data(run_data: RunData) -> tuple[ConfusionCell, ...] | None:
    return (run_data.metrics.confusion or None) if run_data.metrics else None


def reason_data(run_data: RunData) -> Mapping[str, int] | None:
    return (run_data.metrics.errors_by_reason or None) if run_data.metrics else None


def with_earlier_runs(series: Callable[..., object]) -> Callable[[RunData], object]:
    """Return a function that gives the series of the last runs, with the run itself marked, once it is validated."""

    def extract(run_data: RunData) -> object:
        return series(run_data.history[-TREND_RUNS:], run_data.paths.run_key) if run_data.metrics else None

    return extract

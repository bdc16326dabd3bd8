"""The figures below the headline: the name of each, its value, and a note."""

from __future__ import annotations

from typing import NamedTuple

from run_contract.formatting import change, clock, count, duration, rate, rough_share, share, short_clock, short_date
from run_contract.records.history import HistoryRecord
from run_contract.records.metrics import MetricsRecord
from runs_page.plots.series import per_core
from runs_page.run_data import RunData


class Tile(NamedTuple):
    name: str
    value: str
    note: str = ""


def make_tiles(run_data: RunData) -> list[Tile]:
    """Return the tiles whose figures are known: of the progress of a run, and once it is validated of its result."""
    metrics, history = run_data.metrics, run_data.history_record
    if metrics is None:
        makers = (_progress, _pace, _finish, _deadline, _workers, _errors_so_far)
        return [tile for make in makers if (tile := make(run_data))]
    tiles = [_images(metrics, history), _errors(metrics), _accuracy(metrics)]
    if history:
        tiles += [_speed(history), _time(history)]
    return [tile for tile in (*tiles, _margin(run_data)) if tile]


def _progress(run_data: RunData) -> Tile | None:
    progress, plan = run_data.progress, run_data.plan
    total = (progress.rows_total if progress else 0) or (plan.rows if plan else 0)
    done = progress.rows_done if progress else 0
    return Tile("Progress", share(done / total, 0), f"{done:,} of {count(total, 'image')}") if total else None


def _pace(run_data: RunData) -> Tile | None:
    pace = run_data.outlook.pace if run_data.outlook else None
    return None if pace is None else Tile("Pace", rate(pace), "images per second, recently")


def _finish(run_data: RunData) -> Tile | None:
    finish = run_data.outlook.finish if run_data.outlook else None
    if run_data.ended or finish is None:
        return None
    return Tile(
        "Finish (P50)", short_clock(finish.p50, run_data.now), f"P90 {short_clock(finish.p90, run_data.now)} UTC"
    )


def _deadline(run_data: RunData) -> Tile | None:
    deadline, now = run_data.deadline, run_data.now
    if deadline is None:
        return None
    left = (deadline - now).total_seconds()
    note = f"in {duration(left)}" if left > 0 else f"{duration(-left)} ago"
    return Tile("Deadline", short_clock(deadline, now), note)


def _workers(run_data: RunData) -> Tile | None:
    outlook, plan = run_data.outlook, run_data.plan
    if outlook is None or not outlook.workers:
        return None
    if outlook.scale_up:
        by = clock(run_data.now + outlook.scale_up.within, run_data.now)
        needed = f"{outlook.scale_up.total} needed by {by}"
    elif plan and plan.workers_needed:
        needed = f"{plan.workers_needed} needed according to the plan"
    else:
        needed = "number needed is unknown"
    return Tile("Workers", count(outlook.workers), f"{count(outlook.cores, 'core')}; {needed}")


def _errors_so_far(run_data: RunData) -> Tile | None:
    progress = run_data.progress
    if progress is None or not progress.rows_done:
        return None
    return Tile(
        "Errors", count(progress.errors), f"{rough_share(progress.errors / progress.rows_done)} of the images so far"
    )


def _images(metrics: MetricsRecord, history: HistoryRecord | None) -> Tile:
    carried = history.carried_over if history else 0
    note = f"{count(carried)} carried over" if carried else f"{count(metrics.predicted)} predicted"
    return Tile("Images", count(metrics.rows), note)


def _errors(metrics: MetricsRecord) -> Tile:
    part = metrics.errors / metrics.rows if metrics.rows else 0.0
    return Tile("Errors", count(metrics.errors), f"{rough_share(part)} of the images")


def _accuracy(metrics: MetricsRecord) -> Tile | None:
    if metrics.accuracy is None:
        return None
    return Tile("Accuracy", share(metrics.accuracy, 2), f"on {count(metrics.known_labels, 'labeled image')}")


def _speed(history: HistoryRecord) -> Tile | None:
    speed, each = history.steady_images_per_second, per_core(history)
    if not speed:
        return None
    return Tile("Speed", rate(speed), "images per second" + (f"; {rate(each)} per core" if each else ""))


def _time(history: HistoryRecord) -> Tile | None:
    took, expected = history.predict_seconds, history.p50_seconds
    if not took:
        return None
    note = f"forecast {duration(expected)}, {change(took / expected - 1)}" if expected else ""
    return Tile("Prediction time", duration(took), note)


def _margin(run_data: RunData) -> Tile | None:
    if not run_data.finished_at or not run_data.deadline:
        return None
    margin = (run_data.deadline - run_data.finished_at).total_seconds()
    name = "Before the deadline" if margin >= 0 else "After the deadline"
    return Tile(name, duration(abs(margin)), f"deadline {short_date(run_data.deadline)} UTC")

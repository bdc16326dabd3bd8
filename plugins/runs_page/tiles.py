"""The figures beside the answer: what each is, its value, and a note."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from runs_page.plots.series import per_core
from runs_page.records import unless_damaged
from runs_page.run_data import RunData
from runs_page.wording import count, length, moment, share
from runtime_guard.alerting.alert_text import clock, span
from runtime_guard.alerting.levels import AT_RISK_ABOVE, Phase
from runtime_guard.forecast.live_pace import current_pace
from runtime_guard.forecast.scale_up import find_scale_up, workers_and_cores


class Tile(NamedTuple):
    name: str
    value: str
    note: str = ""


def make_tiles(run_data: RunData) -> list[Tile]:
    """Those that something is known of; while the run goes, how it goes, after it what came out."""
    makers: tuple[Callable[[RunData], Tile | None], ...]
    if run_data.metrics:
        makers = (_images, _errors, _accuracy, _speed, _time, _margin)
    else:
        makers = (_rows, _pace, _finish, _deadline, _workers, _errors_so_far)
    return [tile for make in makers if (tile := unless_damaged(None)(make)(run_data))]


def _rows(run_data: RunData) -> Tile | None:
    total = run_data.progress.get("rows_total") or run_data.plan.get("rows")
    done = run_data.progress.get("rows_done", 0)
    return Tile("Rows", f"{done / total:.0%}", f"{done:,} of {total:,}") if total else None


def _pace(run_data: RunData) -> Tile | None:
    pace = current_pace(run_data.progress, run_data.now) if run_data.phase == Phase.PREDICTING else None
    if pace is None:
        return None
    return Tile("Pace", f"{pace:,.0f}" if pace >= 10 else f"{pace:.2g}", "images a second, of late")


def _finish(run_data: RunData) -> Tile | None:
    status = run_data.run_status
    if run_data.ended or not status or not status.forecast or status.observation.phase == Phase.ENDED:
        return None
    likely, surely = (
        run_data.now + timedelta(seconds=seconds)
        for seconds in (status.forecast.p50_seconds, status.forecast.p90_seconds)
    )
    return Tile("Finish (P50)", _at(likely, run_data.now), f"P90 {_at(surely, run_data.now)} UTC")


def _deadline(run_data: RunData) -> Tile | None:
    if run_data.deadline is None:
        return None
    left = (run_data.deadline - run_data.now).total_seconds()
    return Tile(
        "Deadline", _at(run_data.deadline, run_data.now), f"in {span(left)}" if left > 0 else f"{span(-left)} ago"
    )


def _workers(run_data: RunData) -> Tile | None:
    status = run_data.run_status
    if status is None or not workers_and_cores(status)[0]:
        return None
    workers, each = workers_and_cores(status)
    scale_up = find_scale_up(status) if (status.observation.miss_probability or 0.0) > AT_RISK_ABOVE else None
    if scale_up:
        need = f"{scale_up.total} needed by {clock(run_data.now + scale_up.within, run_data.now)}"
    elif run_data.plan.get("workers_needed"):
        need = f"{run_data.plan['workers_needed']} needed, by the plan"
    else:
        need = "needed: not known"
    return Tile("Workers", f"{workers}", f"{workers * each} cores; {need}")


def _errors_so_far(run_data: RunData) -> Tile | None:
    done, errors = run_data.progress.get("rows_done"), run_data.progress.get("errors", 0)
    return Tile("Errors", f"{errors:,}", f"{share(errors / done)} of the rows so far") if done else None


def _images(run_data: RunData) -> Tile:
    carried = run_data.line.get("carried_over")
    note = f"{count(carried)} carried over" if carried else f"{run_data.metrics['predicted']:,} predicted"
    return Tile("Images", count(run_data.metrics["rows"]), note)


def _errors(run_data: RunData) -> Tile:
    errors, rows = run_data.metrics["errors"], run_data.metrics["rows"]
    return Tile("Errors", count(errors), f"{share(errors / rows if rows else 0)} of the rows")


def _accuracy(run_data: RunData) -> Tile | None:
    if run_data.metrics.get("accuracy") is None:
        return None
    known = f"of {run_data.metrics['known_labels']:,} known labels"
    return Tile("Accuracy", share(run_data.metrics["accuracy"], 2), known)


def _speed(run_data: RunData) -> Tile | None:
    speed = run_data.line.get("steady_images_per_second")
    if not speed:
        return None
    each = per_core(run_data.line)
    return Tile("Speed", count(speed), f"images a second; {each:,.0f} of each core" if each else "images a second")


def _time(run_data: RunData) -> Tile | None:
    took, expected = run_data.line.get("predict_seconds"), run_data.line.get("p50_seconds")
    if not took:
        return None
    if not expected:
        return Tile("Predict took", length(took))
    error = f"{100 * (took / expected - 1):+.0f}%"
    return Tile("Predict took", length(took), f"forecast {length(expected)}, {error}")


def _margin(run_data: RunData) -> Tile | None:
    if not run_data.finished_at or not run_data.deadline:
        return None
    margin = (run_data.deadline - run_data.finished_at).total_seconds()
    return Tile(
        "Before the deadline" if margin >= 0 else "After the deadline", span(abs(margin)), _due(run_data.deadline)
    )


def _due(deadline: datetime) -> str:
    return f"due {moment(deadline)} UTC"


def _at(when: datetime, now: datetime) -> str:
    """21:40 today, 24 Nov 21:40 else; with seconds for what comes within minutes."""
    if when.date() != now.date():
        return moment(when)
    return f"{when:%H:%M:%S}" if abs((when - now).total_seconds()) < 600 else f"{when:%H:%M}"

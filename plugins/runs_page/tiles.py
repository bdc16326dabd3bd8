"""The figures beside the answer: what each is, its value, and a note."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from runs_page.plots.series import per_core
from runs_page.records import unless_garbled
from runs_page.run_data import Scene
from runs_page.wording import count, length, moment, share
from runtime_guard.alerting.alert_text import clock, span
from runtime_guard.alerting.levels import AT_RISK_ABOVE, Phase
from runtime_guard.forecast.live_pace import current_pace
from runtime_guard.forecast.scale_up import find_scale_up, workers_and_cores


class Tile(NamedTuple):
    name: str
    value: str
    note: str = ""


def tiles_of(scene: Scene) -> list[Tile]:
    """Those that something is known of; while the run goes, how it goes, after it what came out."""
    makers: tuple[Callable[[Scene], Tile | None], ...]
    if scene.metrics:
        makers = (_images, _errors, _accuracy, _speed, _time, _margin)
    else:
        makers = (_rows, _pace, _finish, _deadline, _workers, _errors_so_far)
    return [tile for make in makers if (tile := unless_garbled(None)(make)(scene))]


def _rows(scene: Scene) -> Tile | None:
    total = scene.progress.get("rows_total") or scene.plan.get("rows")
    done = scene.progress.get("rows_done", 0)
    return Tile("Rows", f"{done / total:.0%}", f"{done:,} of {total:,}") if total else None


def _pace(scene: Scene) -> Tile | None:
    pace = current_pace(scene.progress, scene.now) if scene.phase == Phase.PREDICTING else None
    if pace is None:
        return None
    return Tile("Pace", f"{pace:,.0f}" if pace >= 10 else f"{pace:.2g}", "images a second, of late")


def _finish(scene: Scene) -> Tile | None:
    status = scene.run_status
    if scene.ended or not status or not status.forecast or status.observation.phase == Phase.ENDED:
        return None
    likely, surely = (
        scene.now + timedelta(seconds=seconds) for seconds in (status.forecast.p50_seconds, status.forecast.p90_seconds)
    )
    return Tile("Finish (P50)", _at(likely, scene.now), f"P90 {_at(surely, scene.now)} UTC")


def _deadline(scene: Scene) -> Tile | None:
    if scene.deadline is None:
        return None
    left = (scene.deadline - scene.now).total_seconds()
    return Tile("Deadline", _at(scene.deadline, scene.now), f"in {span(left)}" if left > 0 else f"{span(-left)} ago")


def _workers(scene: Scene) -> Tile | None:
    status = scene.run_status
    if status is None or not workers_and_cores(status)[0]:
        return None
    workers, each = workers_and_cores(status)
    scale_up = find_scale_up(status) if (status.observation.miss_probability or 0.0) > AT_RISK_ABOVE else None
    if scale_up:
        need = f"{scale_up.total} needed by {clock(scene.now + scale_up.within, scene.now)}"
    elif scene.plan.get("workers_needed"):
        need = f"{scene.plan['workers_needed']} needed, by the plan"
    else:
        need = "needed: not known"
    return Tile("Workers", f"{workers}", f"{workers * each} cores; {need}")


def _errors_so_far(scene: Scene) -> Tile | None:
    done, errors = scene.progress.get("rows_done"), scene.progress.get("errors", 0)
    return Tile("Errors", f"{errors:,}", f"{share(errors / done)} of the rows so far") if done else None


def _images(scene: Scene) -> Tile:
    carried = scene.line.get("carried_over")
    note = f"{count(carried)} carried over" if carried else f"{scene.metrics['predicted']:,} predicted"
    return Tile("Images", count(scene.metrics["rows"]), note)


def _errors(scene: Scene) -> Tile:
    errors, rows = scene.metrics["errors"], scene.metrics["rows"]
    return Tile("Errors", count(errors), f"{share(errors / rows if rows else 0)} of the rows")


def _accuracy(scene: Scene) -> Tile | None:
    if scene.metrics.get("accuracy") is None:
        return None
    known = f"of {scene.metrics['known_labels']:,} known labels"
    return Tile("Accuracy", share(scene.metrics["accuracy"], 2), known)


def _speed(scene: Scene) -> Tile | None:
    speed = scene.line.get("steady_images_per_second")
    if not speed:
        return None
    each = per_core(scene.line)
    return Tile("Speed", count(speed), f"images a second; {each:,.0f} of each core" if each else "images a second")


def _time(scene: Scene) -> Tile | None:
    took, expected = scene.line.get("predict_seconds"), scene.line.get("p50_seconds")
    if not took:
        return None
    if not expected:
        return Tile("Predict took", length(took))
    error = f"{100 * (took / expected - 1):+.0f}%"
    return Tile("Predict took", length(took), f"forecast {length(expected)}, {error}")


def _margin(scene: Scene) -> Tile | None:
    if not scene.finished_at or not scene.deadline:
        return None
    margin = (scene.deadline - scene.finished_at).total_seconds()
    return Tile("Before the deadline" if margin >= 0 else "After the deadline", span(abs(margin)), _due(scene.deadline))


def _due(deadline: datetime) -> str:
    return f"due {moment(deadline)} UTC"


def _at(when: datetime, now: datetime) -> str:
    """21:40 today, 24 Nov 21:40 else; with seconds for what comes within minutes."""
    if when.date() != now.date():
        return moment(when)
    return f"{when:%H:%M:%S}" if abs((when - now).total_seconds()) < 600 else f"{when:%H:%M}"

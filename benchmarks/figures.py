"""From seconds to figures: start-up, steady rate, medians, ratios. Pure functions.

All contenders are measured alike and from outside, without a clock in the code that is compared: the same job is done
on one image a core and then on all images. The first is the start-up; what the second takes longer, for its further
images, is the steady rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.lineup import Contender
from benchmarks.measure import Measured

LIMIT, BASELINE = "bare", "notebook"
FIGURES = ("wall_seconds", "startup_seconds", "steady_images_per_second", "peak_mb")


def round_figures(start: Measured, few: int, full: Measured, most: int, total: int) -> dict[str, Any]:
    """The figures of one contender in one round.

    start: the job on `few` images; full: on `most`; total: what it would have to do. With `most` below `total` the
    wall seconds are extrapolated. None where a rate cannot be told: no more images, or no more seconds.
    """
    more = full.seconds - start.seconds
    steady = (most - few) / more if most > few and more > 0 else None
    extrapolated = start.seconds + (total - few) / steady if steady else None
    return {
        "wall_seconds": rounded(full.seconds if most == total else extrapolated),
        "startup_seconds": rounded(start.seconds),
        "steady_images_per_second": rounded(steady),
        "peak_mb": round(full.peak_mb),
        "measured_images": most,
        "measured_seconds": rounded(full.seconds),
    }


def summarize(
    contenders: Sequence[Contender], rounds: dict[str, list[dict[str, Any]]], failures: dict[str, str], total: int
) -> list[dict[str, Any]]:
    """One record for each contender: its medians, its ratios to the limit and the notebook, and every round."""
    records = [_record(contender, rounds.get(contender.name, []), failures, total) for contender in contenders]
    by_name = {record["name"]: record for record in records}
    for record in records:
        record["ratios"] = {
            "steady_to_limit": _ratio(record, by_name.get(LIMIT), "steady_images_per_second"),
            "steady_to_notebook": _ratio(record, by_name.get(BASELINE), "steady_images_per_second"),
            "times_faster_than_notebook": _ratio(by_name.get(BASELINE), record, "wall_seconds"),
        }
    return records


def _record(contender: Contender, rounds: list[dict[str, Any]], failures: dict[str, str], total: int) -> dict[str, Any]:
    measured = rounds[0]["measured_images"] if rounds else 0
    return {
        "name": contender.name,
        "title": contender.title,
        "message": failures.get(contender.name) or contender.missing,
        "failed": contender.name in failures,
        "measured_images": measured,
        "extrapolated": bool(rounds) and measured < total,
        "median": {figure: _median([each[figure] for each in rounds]) for figure in FIGURES},
        "labels_as_keras": min((each["labels_as_keras"] for each in rounds), default=None),
        "own_rate": _median([each["report"].get("steady_images_per_second") for each in rounds]),
        "own_precision": rounds[-1]["report"].get("precision") if rounds else None,
        "rounds": rounds,
    }


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return rounded(median(known)) if known else None


def _ratio(above: dict[str, Any] | None, below: dict[str, Any] | None, figure: str) -> float | None:
    values: list[float | None] = [record["median"][figure] if record else None for record in (above, below)]
    return rounded(values[0] / values[1]) if values[0] and values[1] else None


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)

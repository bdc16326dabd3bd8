"""A made-up benchmark: round numbers, one contender of each kind."""

from __future__ import annotations

from typing import Any

from benchmarks.figures import round_figures, summarize
from benchmarks.lineup import CONTENDERS, Contender
from benchmarks.measure import Measured

TOTAL = 1000


def contender(name: str) -> Contender:
    return next(each for each in CONTENDERS if each.name == name)


def one_round(start: float, full: float, images: int = TOTAL, agreeing: int | None = None) -> dict[str, Any]:
    """The figures of a contender that took `start` seconds for 2 images and `full` for `images`."""
    figures = round_figures(Measured(start, 100), 2, Measured(full, 400), images, TOTAL)
    return {**figures, "labels_as_keras": images if agreeing is None else agreeing, "report": {}}


def made_up() -> dict[str, Any]:
    """Steady images a second: notebook 10 (measured on 102 of 1,000), ours 399.2, the limit 499. Dask failed."""
    names = ("notebook", "ours", "bare", "dask")
    rounds = {
        "notebook": [one_round(10, 20, images=102)],
        "ours": [one_round(4, 6), one_round(4, 6.5), one_round(4, 9)],
        "bare": [one_round(1, 3, agreeing=998)] * 3,
    }
    for each in rounds["ours"]:
        each["report"] = {"steady_images_per_second": 401.0, "precision": "f32"}
    return {
        "date": "2026-11-23T12:00:00+00:00",
        "machine": {"cpu": "a CPU", "cores_used": 2, "load_before": 0.1},
        "source": "made up",
        "images": TOTAL,
        "different_images": TOTAL,
        "rounds": 3,
        "contenders": summarize(
            [contender(name) for name in names], rounds, {"dask": "dask: it ended with code 1; see dask.log"}, TOTAL
        ),
    }

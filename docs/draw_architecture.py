"""Draw docs/images/architecture.png: python docs/draw_architecture.py [FILE]."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "images" / "architecture.png"
WIDTH, HEIGHT = 12.0, 7.45
"""Of the picture in inches, which are the units of all positions."""
DPI = 140
INK, QUIET, LINE = "#1b2433", "#4a5568", "#9aa5b5"
AIRFLOW, WORKSPACE, SPARK = "#e8f1fb", "#eaf6ec", "#fdeede"
PLAIN, GUARD, OUTSIDE = "#ffffff", "#fff3c4", "#f1ecfa"

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle; x and y are its lower left corner."""

    x: float
    y: float
    width: float
    height: float
    title: str
    lines: tuple[str, ...] = ()
    colour: str = PLAIN

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def level(self) -> float:
        return self.y + self.height / 2

    @property
    def top(self) -> float:
        return self.y + self.height

    @property
    def right(self) -> float:
        return self.x + self.width


STORE = Box(0.2, 2.66, 1.4, 0.82, "Workspace", ("a directory that", "Airflow and the", "workers share"))
"""No rectangle: the name of the zone, beside it because arrows cross the zone."""

COLUMNS = [1.92 + 1.4 * place for place in range(6)]
COLUMN_WIDTH = 1.27

ZONES = (
    Box(1.75, 4.1, 8.6, 3.2, "Airflow: the DAG batch_predictions, once a day", (), AIRFLOW),
    Box(1.75, 2.5, 8.6, 1.15, "", (), WORKSPACE),
    Box(0.2, 0.15, 11.6, 1.9, "Spark", (), SPARK),
)
TASKS = {
    name: Box(COLUMNS[place], 4.3, COLUMN_WIDTH, 0.98, name, lines)
    for place, (name, lines) in enumerate(
        {
            "download": ("fetch, check,", "extract once"),
            "manifest": ("list the images,", "one row each"),
            "plan": ("forecast: go,", "ask or refuse"),
            "predict": ("spark-submit:", "the driver"),
            "validate": ("one result", "for each row?"),
            "publish": ("in one step, or", "not at all"),
        }.items()
    )
}
WATCH = Box(COLUMNS[3], 5.75, COLUMN_WIDTH, 0.98, "watch_runtime", ("will it meet", "its deadline?"), GUARD)
PAGES = Box(
    COLUMNS[0], 5.75, 4.0, 0.98, "Pages in the web UI", ("is it on time, what came out,", "how do the runs compare")
)
FILES = {
    name: Box(COLUMNS[place], 2.66, COLUMN_WIDTH, 0.82, name, lines)
    for place, name, lines in (
        (0, "datasets/", ("the images",)),
        (1, "manifest/", ("rows in shards",)),
        (2, "plan.json", ("and history.jsonl",)),
        (4, "predictions/", ("finished shards",)),
        (5, "published/", ("last valid run",)),
    )
}
SOURCE = Box(0.2, 4.3, 1.25, 0.98, "Images", ("zip, URL or", "directory"), OUTSIDE)
ALERTS = Box(10.65, 5.75, 1.15, 0.98, "Alerts", ("e-mail, chat,", "webhook"), OUTSIDE)
READERS = Box(10.65, 2.66, 1.15, 0.82, "Readers", ("one CSV",), OUTSIDE)
MASTER = Box(0.4, 0.35, 1.25, 1.1, "Master", ("gives out the", "workers' cores"))
WORKERS = tuple(Box(2.05 + 0.1 * place, 0.3 + 0.08 * (2 - place), 9.4, 1.22, "") for place in range(3))
STEPS = ("preflight", "read", "decode,\nresize", "scale", "OpenVINO", "label")


def draw(target: Path) -> None:
    """Write the picture to `target` as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    for zone in ZONES:
        _rectangle(axes, zone)
        _text(axes, (zone.x + 0.15, zone.top - 0.2), zone.title, 11, weight="bold", ha="left")
    for box in (*TASKS.values(), WATCH, PAGES, *FILES.values(), SOURCE, ALERTS, READERS, MASTER):
        _box(axes, box)
    _label(axes, STORE)
    _draw_workers(axes)
    _draw_arrows(axes)
    figure.savefig(target, dpi=DPI, metadata={"Software": None})


def _draw_workers(axes: Any) -> None:
    for box in WORKERS:
        _rectangle(axes, box)
    front = WORKERS[-1]
    title = "Workers: a Pandas UDF, one Python process for each core"
    _text(axes, (front.x + 0.15, front.top - 0.2), title, 10.5, weight="bold", ha="left")
    steps = [Box(front.x + 0.15 + 1.54 * place, front.y + 0.12, 1.28, 0.62, step) for place, step in enumerate(STEPS)]
    for step in steps:
        _rectangle(axes, step)
        _text(axes, (step.middle, step.level), step.title, 10)
    for left, right in pairwise(steps):
        _arrow(axes, (left.right, left.level), (right.x, right.level))


def _draw_arrows(axes: Any) -> None:
    for left, right in pairwise([SOURCE, *TASKS.values()]):
        _arrow(axes, (left.right, left.level), (right.x, right.level))
    for task, file in (
        ("download", "datasets/"),
        ("manifest", "manifest/"),
        ("plan", "plan.json"),
        ("publish", "published/"),
    ):
        _arrow(axes, (TASKS[task].middle, TASKS[task].y), (FILES[file].middle, FILES[file].top))
    predict, predictions = TASKS["predict"], FILES["predictions/"]
    _arrow(axes, (predictions.middle, predictions.top), (predictions.middle, TASKS["validate"].y))
    _arrow(axes, (predict.right - 0.15, predict.y), (predictions.x + 0.1, predictions.top))
    _text(axes, (predictions.x - 0.02, 3.9), "commits", 9, colour=QUIET, ha="left")
    _arrow(axes, (predict.middle - 0.2, predict.y), (predict.middle - 0.2, WORKERS[0].top))
    _text(axes, (predict.middle - 0.14, 2.9), "waves of\nshards", 9, colour=QUIET, ha="left")
    for name in ("datasets/", "manifest/"):
        _arrow(axes, (FILES[name].middle, FILES[name].y), (FILES[name].middle, WORKERS[0].top))
    _arrow(axes, (predictions.middle, WORKERS[0].top), (predictions.middle, predictions.y))
    _arrow(axes, (FILES["published/"].right, READERS.level), (READERS.x, READERS.level))
    _arrow(axes, (WATCH.right, WATCH.level), (ALERTS.x, WATCH.level))
    _arrow(axes, (predict.middle, predict.top), (WATCH.middle, WATCH.y))
    _text(axes, (predict.middle + 0.07, 5.52), "progress.json", 9, colour=QUIET, ha="left")


def _box(axes: Any, box: Box) -> None:
    _rectangle(axes, box)
    _label(axes, box)


def _label(axes: Any, box: Box) -> None:
    _text(axes, (box.middle, box.top - 0.2), box.title, 10.5, weight="bold")
    for number, line in enumerate(box.lines):
        _text(axes, (box.middle, box.top - 0.48 - 0.22 * number), line, 9.5, colour=QUIET)


def _rectangle(axes: Any, box: Box) -> None:
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch((box.x, box.y), box.width, box.height, style, facecolor=box.colour, edgecolor=LINE))


def _text(
    axes: Any, place: Point, text: str, size: float, colour: str = INK, weight: str = "normal", ha: str = "center"
) -> None:
    axes.text(*place, text, fontsize=size, color=colour, weight=weight, ha=ha, va="center_baseline", linespacing=1.1)


def _arrow(axes: Any, start: Point, end: Point) -> None:
    from matplotlib.patches import FancyArrowPatch

    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=12, color=INK, linewidth=1.1, shrinkA=0, shrinkB=0)
    )


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)

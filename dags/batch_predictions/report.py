"""metrics.json as one self-contained HTML page with plots."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from batch_predictions.history import describe_forecast, measure_run
from image_scoring.contract import RunPaths
from image_scoring.files import read_json, replace_atomically

INK, BLUE = "#1f2933", "#2563a8"


def write_report(run: RunPaths, metrics: dict[str, Any]) -> None:
    """Writes report.html: no script, no request, the plots inline."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("report.html.j2").render(
        metrics=metrics,
        progress=read_json(run.progress) or {},
        forecast=describe_forecast(measure_run(run)),
        plots=[draw_histogram(metrics), *([draw_confusion(metrics)] if metrics["confusion"] else [])],
    )
    with replace_atomically(run.report) as part:
        part.write_text(page, encoding="utf-8")


def draw_histogram(metrics: dict[str, Any]) -> Markup:
    """Images by probability of the positive label: how sure the model was."""
    counts = metrics["probability_histogram"]
    figure = Figure(figsize=(5.2, 3.2), layout="constrained")
    axes = figure.subplots()
    width = 1 / len(counts)
    axes.bar([(index + 0.5) * width for index in range(len(counts))], counts, width * 0.9, color=BLUE)
    axes.set(title="Probability", xlabel="probability in the predictions", ylabel="images", xlim=(0, 1))
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure, "Histogram of the probabilities")


def draw_confusion(metrics: dict[str, Any]) -> Markup:
    """Labels that the paths name against predictions."""
    labels = list(metrics["predictions"])
    counts = {(cell["label"], cell["prediction"]): cell["count"] for cell in metrics["confusion"]}
    rows = [[counts[label, prediction] for prediction in labels] for label in labels]
    figure = Figure(figsize=(3.6, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.imshow(rows, cmap="Blues", vmin=0)
    axes.set(title="Confusion matrix", xlabel="predicted", ylabel="label in the path")
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels)
    highest = max(map(max, rows))
    for y, row in enumerate(rows):
        for x, count in enumerate(row):
            axes.text(x, y, f"{count:,}", ha="center", va="center", color="white" if count > highest / 2 else INK)
    return _svg(figure, "Confusion matrix")


def _svg(figure: Figure, title: str) -> Markup:
    """The figure as an <svg> element. The same figure makes the same text."""
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": title, "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Title": title})
    return Markup(re.sub(r"^.*?(?=<svg)", "", buffer.getvalue(), flags=re.DOTALL))  # noqa: S704 (matplotlib's own text)

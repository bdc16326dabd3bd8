"""What a run came to, for the terminal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from batch_predictions.history import describe_forecast
from run_contract.files import read_json, read_json_lines
from run_contract.layout import RunPaths, Workspace
from run_contract.records.history import HistoryRecord


def summarize(workspace: Workspace, run: RunPaths) -> str:
    """The lines after a successful run."""
    metrics = read_json(run.metrics)
    history: dict[str, Any] = next(
        (line for line in read_json_lines(workspace.history) if line["run_key"] == run.run_key), {}
    )
    lines = [f"run {run.run_key} is {metrics['verdict']} and published", *_counts(metrics)]
    if metrics["accuracy"] is not None:
        lines += [_accuracy(metrics), *_confusion(metrics)]
    lines += _ways(history)
    if history.get("steady_images_per_second"):
        lines.append(
            f"  speed      {history['steady_images_per_second']:,.0f} images a second; spark-submit took "
            f"{history['predict_seconds']:.1f} s on {history['cores']} cores"
        )
    if history and (forecast := describe_forecast(HistoryRecord.from_json(history))):
        lines.append(f"  plan       {forecast}")
    lines += [f"  alert      {alert['text']}" for alert in read_json_lines(run.alerts)]
    lines.append(f"  table      {_shown(workspace.published / 'predictions.csv')}")
    lines.append(f"  report     {_shown(run.report)}")
    return "\n".join(lines)


def _counts(metrics: dict[str, Any]) -> list[str]:
    lines = [f"  images     {metrics['rows']:,} rows: {metrics['predicted']:,} predicted, {metrics['errors']:,} errors"]
    for title, counts in (("errors", metrics["errors_by_reason"]), ("skipped", metrics["skipped"])):
        if counts:
            lines.append(f"  {title:<10} " + ", ".join(f"{count:,} {reason}" for reason, count in counts.items()))
    return lines


def _ways(history: dict[str, Any]) -> list[str]:
    """How many rows did not take the usual way through the engine."""
    lines = []
    if history.get("carried_over"):
        lines.append(
            f"  only new   {history['carried_over']:,} rows carried over, {history['newly_predicted']:,} predicted now"
        )
    if history.get("label_agreement") is not None:
        lines.append(
            f"  int8       {history['label_agreement']:.1%} of the images that it was measured on have the label of f32"
        )
    if history.get("precision") == "cascade" and history.get("newly_predicted"):
        lines.append(
            f"  cascade    {history['rerun_in_f32'] / history['newly_predicted']:.1%} of the images again in f32, "
            f"{history['rechecked']:,} checked at random, all with the same label"
        )
    if history.get("flips"):
        lines.append(f"  cascade    {history['flips']:,} labels differed in f32; the whole run is in f32")
    return lines


def _accuracy(metrics: dict[str, Any]) -> str:
    splits = ", ".join(f"{split} {accuracy:.3f}" for split, accuracy in metrics["accuracy_by_split"].items())
    return (
        f"  accuracy   {metrics['accuracy']:.3f} on {metrics['known_labels']:,} images whose path names the label"
        f"{f' ({splits})' if splits else ''}"
    )


def _confusion(metrics: dict[str, Any]) -> list[str]:
    """The matrix: a row for each label, a column for each prediction."""
    labels = list(metrics["predictions"])
    counts = {(cell["label"], cell["prediction"]): cell["count"] for cell in metrics["confusion"]}
    width = max(10, *(len(label) + 1 for label in labels))
    rows = [f"  confusion  {'':<{width}}" + "".join(f"{'→ ' + label:>{width}}" for label in labels)]
    for label in labels:
        cells = "".join(f"{counts[label, prediction]:>{width},}" for prediction in labels)
        rows.append(f"             {label:<{width}}{cells}")
    return rows


def _shown(path: Path) -> str:
    """Relative to where the person is, when it lies below."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)

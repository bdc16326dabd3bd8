"""What `make run` prints after a successful run."""

from __future__ import annotations

import os
from pathlib import Path

from batch_predictions.history import describe_forecast
from run_contract.formatting import count, duration, rate, share
from run_contract.layout import RunPaths, Workspace
from run_contract.record import read_records, require_record
from run_contract.records.alert import AlertRecord
from run_contract.records.history import HistoryRecord
from run_contract.records.metrics import MetricsRecord


def summarize(workspace: Workspace, run: RunPaths) -> str:
    """Return the lines of the summary. Raises RecordError when metrics.json is missing or damaged."""
    metrics = require_record(MetricsRecord, run.metrics)
    history = read_records(HistoryRecord, workspace.history)
    record = next((record for record in history if record.run_key == run.run_key), None)
    lines = [f"run {run.run_key} is {metrics.verdict} and published", *_counts(metrics)]
    if metrics.accuracy is not None:
        lines += [_accuracy(metrics, metrics.accuracy), *_confusion(metrics)]
    if record:
        lines += [*_special_rows(record), *_times(record)]
    lines += [f"  alert      {alert.text}" for alert in read_records(AlertRecord, run.alerts)]
    lines.append(f"  table      {_shown(workspace.published / 'predictions.csv')}")
    lines.append(f"  report     {_shown(run.report)}")
    return "\n".join(lines)


def _counts(metrics: MetricsRecord) -> list[str]:
    lines = [f"  images     {metrics.rows:,} rows: {metrics.predicted:,} predicted, {metrics.errors:,} errors"]
    for title, counts in (("errors", metrics.errors_by_reason), ("skipped", metrics.skipped)):
        if counts:
            lines.append(f"  {title:<10} " + ", ".join(f"{number:,} {reason}" for reason, number in counts.items()))
    return lines


def _accuracy(metrics: MetricsRecord, accuracy: float) -> str:
    splits = ", ".join(f"{split} {part:.3f}" for split, part in metrics.accuracy_by_split.items())
    return (
        f"  accuracy   {accuracy:.3f} on {count(metrics.known_labels, 'image')} whose path contains the label"
        f"{f' ({splits})' if splits else ''}"
    )


def _confusion(metrics: MetricsRecord) -> list[str]:
    """Return the matrix: a row for each label, a column for each prediction."""
    labels = list(metrics.predictions)
    counts = {(cell.label, cell.prediction): cell.count for cell in metrics.confusion}
    width = max(10, *(len(label) + 1 for label in labels))
    rows = [f"  confusion  {'':<{width}}" + "".join(f"{'→ ' + label:>{width}}" for label in labels)]
    for label in labels:
        cells = "".join(f"{counts[label, prediction]:>{width},}" for prediction in labels)
        rows.append(f"             {label:<{width}}{cells}")
    return rows


def _special_rows(record: HistoryRecord) -> list[str]:
    """Return how many rows were carried over, and what a precision other than f32 did to the labels."""
    lines = []
    if record.carried_over:
        lines.append(
            f"  only new   {count(record.carried_over, 'row')} carried over, {record.newly_predicted:,} predicted now"
        )
    if record.label_agreement is not None:
        lines.append(f"  int8       {share(record.label_agreement)} of the sampled images have the same label as f32")
    if record.precision == "cascade" and record.newly_predicted:
        lines.append(
            f"  cascade    {share(record.rerun_in_f32 / record.newly_predicted)} of the images predicted again in f32; "
            f"{record.rechecked:,} others checked at random, all with the same label"
        )
    if record.flips:
        lines.append(f"  cascade    {count(record.flips, 'label')} differed in f32; the whole run was predicted in f32")
    return lines


def _times(record: HistoryRecord) -> list[str]:
    lines = []
    if record.steady_images_per_second:
        lines.append(
            f"  speed      {rate(record.steady_images_per_second)} images per second; spark-submit took "
            f"{duration(record.predict_seconds)} on {count(record.cores, 'core')}"
        )
    if forecast := describe_forecast(record):
        lines.append(f"  plan       {forecast}")
    return lines


def _shown(path: Path) -> str:
    """Return the path relative to the current directory if it is below that."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)

"""history.jsonl: one line per finished run; the forecast learns from it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from run_contract.files import exclusive, read_json, read_json_lines, replace_atomically
from run_contract.layout import RunPaths, Workspace


def record_run(workspace: Workspace, run: RunPaths, metrics: dict[str, Any]) -> None:
    """Adds the run's line, or puts it in the place of the one it has. Two runs at a time take turns."""
    progress = read_json(run.progress) or {}
    record = {
        "run_key": run.run_key,
        "rows": metrics["rows"],
        "predicted": metrics["predicted"],
        "errors": metrics["errors"],
        "predictions": metrics["predictions"],
        "cores": progress.get("cores", 0),
        "workers": progress.get("workers", 0),
        "engine": progress.get("engine", ""),
        "precision": progress.get("precision", ""),
        "label_agreement": progress.get("label_agreement"),
        "model": progress.get("model", ""),
        "carried_over": progress.get("carried", 0),
        "newly_predicted": metrics["rows"] - progress.get("carried", 0),
        "rerun_in_f32": progress.get("rerun", 0),
        "rechecked": progress.get("rechecked", 0),
        "flips": progress.get("flips", 0),
        **measure_run(run),
        "steady_images_per_second": progress.get("steady_images_per_second"),
        "accuracy": metrics["accuracy"],
        "verdict": metrics["verdict"],
    }
    with exclusive(workspace.root / ".history.lock"):
        records = read_json_lines(workspace.history)
        places = [index for index, known in enumerate(records) if known["run_key"] == run.run_key]
        if places:
            records[places[0]] = record
        else:
            records.append(record)
        with replace_atomically(workspace.history) as part:
            lines = (json.dumps(known, ensure_ascii=False) + "\n" for known in records)
            part.write_text("".join(lines), encoding="utf-8")


def measure_run(run: RunPaths) -> dict[str, Any]:
    """What predict took, when it ended and when it should have, and how far the plan's forecast was off.

    forecast_error: by which share of p50_seconds it took longer or, below zero, shorter; None without a forecast.
    """
    plan = read_json(run.plan) or {}
    submissions = read_json_lines(run.submissions)
    seconds = round(sum(submission["seconds"] for submission in submissions), 3)
    p50 = plan.get("p50_seconds")
    ends = [
        datetime.fromisoformat(submission["started_at"]) + timedelta(seconds=submission["seconds"])
        for submission in submissions
    ]
    return {
        "attempts": len(submissions),
        "predict_seconds": seconds,
        "p50_seconds": p50,
        "forecast_error": round(seconds / p50 - 1, 4) if p50 and seconds else None,
        "run_after": plan.get("run_after"),
        "finished_at": max(ends).isoformat() if ends else None,
        "deadline_at": plan.get("deadline_at"),
    }


def describe_forecast(record: dict[str, Any]) -> str | None:
    """Forecast against actual, of a record of `measure_run`; None when there was no forecast."""
    if record.get("forecast_error") is None:
        return None
    return (
        f"forecast {record['p50_seconds']:,.0f} s, took {record['predict_seconds']:,.0f} s "
        f"({100 * record['forecast_error']:+.0f} %)"
    )

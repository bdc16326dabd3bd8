"""history.jsonl: one line per finished run; the forecast learns from it."""

from __future__ import annotations

import json
from typing import Any

from image_scoring.contract import RunPaths, Workspace
from image_scoring.files import exclusive, read_json, read_json_lines, replace_atomically


def record_run(workspace: Workspace, run: RunPaths, metrics: dict[str, Any]) -> None:
    """Adds the run's line, or puts it in the place of the one it has. Two runs at a time take turns."""
    progress = read_json(run.progress) or {}
    submissions = read_json_lines(run.submissions)
    record = {
        "run_key": run.run_key,
        "rows": metrics["rows"],
        "predicted": metrics["predicted"],
        "errors": metrics["errors"],
        "cores": progress.get("cores", 0),
        "workers": progress.get("workers", 0),
        "engine": progress.get("engine", ""),
        "precision": progress.get("precision", ""),
        "model": progress.get("model", ""),
        "carried_over": progress.get("carried", 0),
        "newly_predicted": metrics["rows"] - progress.get("carried", 0),
        "rerun_in_f32": progress.get("rerun", 0),
        "rechecked": progress.get("rechecked", 0),
        "flips": progress.get("flips", 0),
        "attempts": len(submissions),
        "predict_seconds": round(sum(submission["seconds"] for submission in submissions), 3),
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

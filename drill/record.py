"""What a drill came to, in figures."""

from __future__ import annotations

from typing import Any

from drill.scenarios import Drill
from drill.stage import Run
from run_contract.files import read_json, read_json_lines


def record_of(drill: Drill, run: Run, state: str) -> dict[str, Any]:
    """One line of the results. Seconds count from when the run was due.

    lead_seconds: from the first alert to the deadline, lead_share: of the interval; None without an alert.
    false_alarms: alerts that the drill gave no cause for. as_expected: it was told what it should have been, each
    level once, and nothing else.
    """
    plan, progress = read_json(run.files.plan) or {}, read_json(run.files.progress) or {}
    alerts = [
        {"level": line["level"], "seconds": _since(run, line["raised_at"]), "text": line["text"]}
        for line in read_json_lines(run.files.alerts)
    ]
    levels = [alert["level"] for alert in alerts]
    interval = _since(run, plan["deadline_at"])
    finished = _since(run, progress["updated_at"])
    false_alarms = [level for level in levels if level not in drill.allowed]
    return {
        "drill": drill.name,
        "run_key": run.files.run_key,
        "state": state,
        "rows": progress["rows_total"],
        "errors": progress["errors"],
        "interval_seconds": interval,
        "predicted_seconds": finished,
        "missed": finished > interval,
        "alerts": alerts,
        "lead_seconds": round(interval - alerts[0]["seconds"], 1) if alerts else None,
        "lead_share": round(1 - alerts[0]["seconds"] / interval, 3) if alerts else None,
        "false_alarms": len(false_alarms),
        "as_expected": not false_alarms
        and len(set(levels)) == len(levels)
        and (not drill.expected or bool(drill.expected & set(levels)))
        and state == "success",
    }


def _since(run: Run, moment: str) -> float:
    return round(run.seconds_until(moment), 1)

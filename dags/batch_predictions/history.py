"""Write history.jsonl, from which the forecast learns: one line for each finished run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from run_contract.files import exclusive, replace_atomically
from run_contract.formatting import change, duration
from run_contract.layout import RunPaths, Workspace
from run_contract.record import RecordError, parse_record, read_readable, read_records
from run_contract.records.history import HistoryRecord
from run_contract.records.metrics import MetricsRecord
from run_contract.records.plan import PlanRecord
from run_contract.records.predict import ProgressRecord, SubmissionRecord

_NEVER = datetime.fromtimestamp(0, UTC)
NO_PROGRESS = ProgressRecord(run_key="", attempt="", started_at=_NEVER, updated_at=_NEVER)


def record_run(workspace: Workspace, run: RunPaths, metrics: MetricsRecord) -> None:
    """Append the run's line to the history, or replace the one it has. Concurrent runs take turns."""
    record = make_history_record(run, metrics)
    new_line = json.dumps(record.to_json(), ensure_ascii=False).encode()
    with exclusive(workspace.root / ".history.lock"):
        lines = _whole_lines(workspace.history)
        places = [index for index, line in enumerate(lines) if _run_key_of(line) == run.run_key]
        if places:
            lines[places[0]] = new_line
        else:
            lines.append(new_line)
        with replace_atomically(workspace.history) as part:
            part.write_bytes(b"".join(line + b"\n" for line in lines))


def make_history_record(run: RunPaths, metrics: MetricsRecord) -> HistoryRecord:
    """Combine the run's metrics with what its plan, its submissions and the job's progress file show."""
    progress = read_readable(ProgressRecord, run.progress) or NO_PROGRESS
    plan = read_readable(PlanRecord, run.plan)
    submissions = read_records(SubmissionRecord, run.submissions)
    seconds = round(sum(submission.seconds for submission in submissions), 3)
    p50 = plan.p50_seconds if plan else None
    ends = [submission.started_at + timedelta(seconds=submission.seconds) for submission in submissions]
    return HistoryRecord(
        run_key=run.run_key,
        rows=metrics.rows,
        predicted=metrics.predicted,
        errors=metrics.errors,
        predictions=metrics.predictions,
        verdict=metrics.verdict,
        cores=progress.cores,
        workers=progress.workers,
        engine=progress.engine,
        precision=progress.precision,
        label_agreement=progress.label_agreement,
        model=progress.model,
        carried_over=progress.carried,
        newly_predicted=metrics.rows - progress.carried,
        rerun_in_f32=progress.rerun,
        rechecked=progress.rechecked,
        flips=progress.flips,
        attempts=len(submissions),
        predict_seconds=seconds,
        p50_seconds=p50,
        forecast_error=round(seconds / p50 - 1, 4) if p50 and seconds else None,
        run_after=plan.run_after if plan else None,
        finished_at=max(ends, default=None),
        deadline_at=plan.deadline_at if plan else None,
        steady_images_per_second=progress.steady_images_per_second,
        accuracy=metrics.accuracy,
    )


def _whole_lines(path: Path) -> list[bytes]:
    """Return the lines of `path`, damaged ones too: what cannot be read today is not thrown away."""
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def _run_key_of(line: bytes) -> str | None:
    try:
        return parse_record(HistoryRecord, line).run_key
    except RecordError:
        return None


def describe_forecast(record: HistoryRecord) -> str | None:
    """Compare forecast and actual duration in words; return None if there was no forecast."""
    if record.forecast_error is None:
        return None
    return (
        f"forecast {duration(record.p50_seconds)}, took {duration(record.predict_seconds)} "
        f"({change(record.forecast_error)})"
    )

"""The headline of a run: is it on time, and if not, what helps?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from run_contract.formatting import clock, count, duration
from run_contract.records.predict import DriverState
from runs_page.outlook import Outlook
from runs_page.run_data import TASKS, RunData
from runtime_guard.alerting.levels import AT_RISK_ABOVE, LATE_ABOVE, Level
from runtime_guard.batch_run import ADVICE
from runtime_guard.forecast.records import Phase

DOING = {
    "download": "Fetching the images",
    "manifest": "Listing the images",
    "plan": "Planning the run",
    "predict": "Predicting",
    "watch_runtime": "Predicting",
    "validate": "Validating the predictions",
    "publish": "Publishing the predictions",
}


@dataclass(frozen=True)
class Headline:
    """tone: good, warn, bad, busy or neutral. word: what the tone means. details: sentences below the title."""

    tone: str
    word: str
    title: str
    details: tuple[str, ...] = ()


def make_headline(run_data: RunData) -> Headline:
    if run_data.state == "failed":
        return _failed(run_data)
    return _succeeded(run_data) if run_data.state == "success" else _in_progress(run_data)


def _failed(run_data: RunData) -> Headline:
    failure = run_data.failure
    failed = [name for name in TASKS if name in run_data.tasks and run_data.tasks[name].state == "failed"]
    task = failure.task if failure else failed[0] if failed else ""
    name = f"the task {task}" if task else "the task that failed"
    message = failure.message if failure else f"See the log of {name}."
    advice = f"Fix the cause, then clear {name} in Airflow: committed shards are kept."
    title = f"Failed{f' in {task}' if task else ''}: not published"
    return Headline("bad", "Failed", title, (message, f"{advice} The published table is unchanged."))


def _succeeded(run_data: RunData) -> Headline:
    metrics = run_data.metrics
    if metrics is None:
        return Headline("good", "Done", "The run succeeded")
    what = count(metrics.rows, "image") + (f", {metrics.errors:,} with an error" if metrics.errors else "")
    newer = run_data.published if run_data.published and run_data.published > run_data.paths.run_key else None
    word, remains = ("Done", (f"The newer run {newer} remains published.",)) if newer else ("Published", ())
    finished, deadline = run_data.finished_at, run_data.deadline
    if not finished or not deadline:
        return Headline("good", word, f"{word}: {what}", remains)
    margin, late = _margin(finished, deadline)
    ended, due = clock(finished, run_data.now), clock(deadline, run_data.now)
    details = (f"Prediction ended at {ended}, {margin} the deadline at {due}.", *remains)
    if late:
        return Headline("warn", "Late", f"{word} {margin.removesuffix(' after')} late: {what}", details)
    return Headline("good", word, f"{word} on time: {what}", details)


def _in_progress(run_data: RunData) -> Headline:
    current = next((name for name in TASKS if not _is_over(run_data, name)), "publish")
    task = run_data.tasks.get(current)
    doing = DOING[current]
    if task is not None and task.state == "awaiting_input":
        how = "Respond under Required Actions in Airflow."
        return Headline("warn", "Action needed", "Waiting for approval", (how,))
    if task is not None and task.state in ("up_for_retry", "restarting"):
        message = run_data.failure.message if run_data.failure else ""
        return Headline("warn", "Retrying", f"{doing} failed; retrying", (message,))
    if all(task.state in (None, "scheduled", "queued") for task in run_data.tasks.values()):
        return Headline("neutral", "Queued", "Waiting to start", ("None of its tasks has started yet.",))
    outlook = run_data.outlook
    if outlook is None or outlook.finish is None:
        return _without_forecast(run_data, doing)
    return _with_forecast(run_data, outlook, outlook.finish.p50, doing)


def _with_forecast(run_data: RunData, outlook: Outlook, finish: datetime, doing: str) -> Headline:
    expected, deadline = f"finishes about {clock(finish, run_data.now)}", run_data.deadline
    open_alerts = _open_alerts(run_data, outlook)
    if deadline is None:
        return Headline("busy", doing, _sentence(expected, ""), ("It has no deadline.", *open_alerts))
    forecast = _sentence(outlook.forecast_text)
    if run_data.now >= deadline:
        return Headline("bad", "Late", f"Deadline missed: {expected}", (forecast, _sentence(ADVICE.let_it_finish)))
    title = f"{expected}, {_margin(finish, deadline)[0]} the deadline"
    probability = outlook.miss_probability or 0.0
    if probability > LATE_ABOVE:
        return Headline("bad", "Late", f"Late: {title}", (forecast, _sentence(outlook.advice), *open_alerts))
    if probability > AT_RISK_ABOVE:
        return Headline("warn", "At risk", f"At risk: {title}", (forecast, _sentence(outlook.advice), *open_alerts))
    return Headline("warn" if open_alerts else "good", "On time", f"On time: {title}", (forecast, *open_alerts))


def _open_alerts(run_data: RunData, outlook: Outlook) -> tuple[str, ...]:
    """Return a sentence for a stall or a wait that was reported and is not over."""
    raised = [alert.level for alert in run_data.alerts]
    since = raised[raised.index(Level.RECOVERED) + 1 :] if Level.RECOVERED in raised else raised
    stalled = Level.STALLED in since and outlook.phase in (Phase.STARTING, Phase.WORKING)
    queued = Level.QUEUED in since and outlook.phase == Phase.WAITING
    return (("It makes no progress: see the alert.",) if stalled else ()) + (
        ("It is waiting for resources: see the alert.",) if queued else ()
    )


def _without_forecast(run_data: RunData, doing: str) -> Headline:
    """Before predict, while nothing is known, and after predict."""
    deadline, progress = run_data.deadline, run_data.progress
    due = (f"The deadline is {clock(deadline, run_data.now)}.",) if deadline else ()
    if not deadline or not progress or progress.state != DriverState.FINISHED:
        return Headline("busy", "Running", doing, due)
    margin, late = _margin(run_data.now, deadline)
    title = f"{doing}, {margin} the deadline"
    if late:
        return Headline("bad", "Late", title, due)
    return Headline("good", "On time", title, ("All images are predicted.", *due))


def _is_over(run_data: RunData, name: str) -> bool:
    task = run_data.tasks.get(name)
    return name == "watch_runtime" or (task is not None and task.state in ("success", "skipped"))


def _margin(moment: datetime, deadline: datetime) -> tuple[str, bool]:
    """Return how long before or after the deadline a moment is, such as `25 min after`, and whether it is after."""
    seconds = (deadline - moment).total_seconds()
    return (f"{duration(-seconds)} after", True) if seconds < 0 else (f"{duration(seconds)} before", False)


def _sentence(text: str, end: str = ".") -> str:
    return f"{text[:1].upper()}{text[1:]}{end}" if text else ""

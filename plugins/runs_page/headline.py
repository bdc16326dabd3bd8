"""The one big answer: is the run on time, and if not, what helps?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from runs_page.records import unless_damaged
from runs_page.run_data import TASKS, RunData
from runtime_guard.alerting.alert_text import LET_IT_END, clock, span, what_helps, when_it_ends
from runtime_guard.alerting.levels import AT_RISK_ABOVE, LATE_ABOVE, Level, Phase
from runtime_guard.forecast.run_status import RunStatus

DOING = {
    "download": "Fetching the images",
    "manifest": "Listing the images",
    "plan": "Planning",
    "predict": "Predicting",
    "watch_runtime": "Predicting",
    "validate": "Checking the predictions",
    "publish": "Publishing",
}


@dataclass(frozen=True)
class Headline:
    """tone: good, warn, bad, busy or neutral. word: what the tone says. details: sentences that follow."""

    tone: str
    word: str
    title: str
    details: tuple[str, ...] = ()


def make_headline(run_data: RunData) -> Headline:
    """What stands at the top."""
    if run_data.state == "failed":
        return _failed(run_data)
    if run_data.state == "success":
        return _published(run_data) or Headline("good", "Done", "Done")
    return _running(run_data) or Headline("busy", "Running", "Running", ("Its files do not say more.",))


@unless_damaged(Headline("bad", "Failed", "The run has failed", ("Look at the log of the task that failed.",)))
def _failed(run_data: RunData) -> Headline:
    failed = [name for name in TASKS if name in run_data.tasks and run_data.tasks[name].state == "failed"]
    task = str(run_data.failure.get("task") or (failed[0] if failed else "the run"))
    message = run_data.failure.get("message") or f"Look at the log of the task {task}."
    return Headline(
        "bad",
        "Failed",
        f"Failed in {task}: not published",
        (str(message), f"Mend that, then clear the task {task}: what was committed stays. Readers keep the table of "
         "the run that is published."),
    )  # fmt: skip


@unless_damaged(None)
def _published(run_data: RunData) -> Headline:
    rows, errors = int(run_data.metrics["rows"]), int(run_data.metrics["errors"])
    what = f"{rows:,} images" + (f", {errors:,} of them with an error" if errors else "")
    newer = run_data.workspace.published_run()
    stays = (f"The newer run {newer} stays the published one.",) if newer and newer > run_data.paths.run_key else ()
    word = "Done" if stays else "Published"
    finished, deadline = run_data.finished_at, run_data.deadline
    if not finished or not deadline:
        return Headline("good", word, f"{word}: {what}", stays)
    margin = (deadline - finished).total_seconds()
    due = f"Predicted by {clock(finished, run_data.now)}; it was due {clock(deadline, run_data.now)}."
    if margin < 0:
        return Headline("warn", "Late", f"{word} {span(-margin)} late: {what}", (due, *stays))
    return Headline("good", word, f"{word} on time: {what}", (f"{span(margin)} before its deadline. {due}", *stays))


@unless_damaged(None)
def _running(run_data: RunData) -> Headline:
    current = next((name for name in TASKS if not _is_over(run_data, name)), "publish")
    task = run_data.tasks.get(current)
    doing = DOING[current]
    if task is not None and task.state == "awaiting_input":
        return Headline("warn", "Your turn", "Waits for a person", ("Answer under Required Actions in Airflow.",))
    if task is not None and task.state in ("up_for_retry", "restarting"):
        return Headline("warn", "Retry", f"{doing}: trying again", (str(run_data.failure.get("message") or ""),))
    if all(task.state in (None, "scheduled", "queued") for task in run_data.tasks.values()):
        return Headline("neutral", "Waiting", "Waits for its turn", ("No task of it has begun yet.",))
    status = run_data.run_status
    if status is None or status.forecast is None or status.observation.phase == Phase.ENDED:
        return _before_or_after(run_data, doing)
    return _on_time(run_data, status, doing)


def _on_time(run_data: RunData, status: RunStatus, doing: str) -> Headline:
    observation, forecast = status.observation, status.forecast
    assert forecast is not None
    finish = observation.now + timedelta(seconds=forecast.p50_seconds)
    when = clock(finish, observation.now)
    if observation.deadline_at is None:
        return Headline("busy", doing, f"Finishes about {when}", ("It has no deadline.", *_quiet(run_data)))
    sure = sentence(when_it_ends(status))
    spare = (observation.deadline_at - finish).total_seconds()
    if observation.now >= observation.deadline_at:
        return Headline("bad", "Late", f"Over its time: finishes about {when}", (sure, sentence(LET_IT_END)))
    probability = observation.miss_probability or 0.0
    if probability > AT_RISK_ABOVE:
        will = "Will be late" if probability > LATE_ABOVE else "May be late"
        side = f"{span(-spare)} after the deadline" if spare < 0 else f"{span(spare)} before the deadline"
        helps = sentence(what_helps(status))
        return Headline(
            "bad" if probability > LATE_ABOVE else "warn", "Late" if probability > LATE_ABOVE else "At risk",
            f"{will}: finishes {when}, {side}", (sure, helps, *_quiet(run_data)),
        )  # fmt: skip
    return Headline(
        "warn" if _quiet(run_data) else "good",
        "On time",
        f"On time: finishes {when}, {span(spare)} before the deadline",
        (sure, *_quiet(run_data)),
    )


def _quiet(run_data: RunData) -> tuple[str, ...]:
    """What the watch has said of a run that stands still, or waits, as long as it has not taken it back."""
    raised = [str(alert.get("level")) for alert in run_data.alerts]
    since = raised[raised.index(Level.RECOVERED) + 1 :] if Level.RECOVERED in raised else raised
    waits = Level.QUEUED in since and run_data.phase == Phase.WAITING
    stands = Level.STALLED in since and run_data.phase in (Phase.STARTING, Phase.PREDICTING)
    return (("It stands still: see the alert.",) if stands else ()) + (("It waits: see the alert.",) if waits else ())


def _before_or_after(run_data: RunData, doing: str) -> Headline:
    """While nothing is predicted: there is no forecast yet, or no need of one any more."""
    due = (f"It is due {clock(run_data.deadline, run_data.now)}.",) if run_data.deadline else ()
    if not run_data.deadline or run_data.progress.get("state") != "finished":
        return Headline("busy", "Running", doing, due)
    left = (run_data.deadline - run_data.now).total_seconds()
    if left < 0:
        return Headline("bad", "Late", f"{doing}, {span(-left)} after the deadline", due)
    return Headline("good", "On time", f"{doing}, {span(left)} before the deadline", ("All rows are predicted.", *due))


def _is_over(run_data: RunData, name: str) -> bool:
    task = run_data.tasks.get(name)
    return name == "watch_runtime" or (task is not None and task.state in ("success", "skipped"))


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""

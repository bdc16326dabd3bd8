"""The one big answer: is the run on time, and if not, what helps?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from runs_page.records import unless_garbled
from runs_page.run_data import STAGES, Scene
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
class Answer:
    """tone: good, warn, bad, busy or neutral. word: what the tone says. details: sentences that follow."""

    tone: str
    word: str
    title: str
    details: tuple[str, ...] = ()


def answer_of(scene: Scene) -> Answer:
    """What stands at the top."""
    if scene.state == "failed":
        return _failed(scene)
    if scene.state == "success":
        return _published(scene) or Answer("good", "Done", "Done")
    return _running(scene) or Answer("busy", "Running", "Running", ("Its files do not say more.",))


@unless_garbled(Answer("bad", "Failed", "The run has failed", ("Look at the log of the task that failed.",)))
def _failed(scene: Scene) -> Answer:
    failed = [name for name in STAGES if name in scene.stages and scene.stages[name].state == "failed"]
    task = str(scene.failure.get("task") or (failed[0] if failed else "the run"))
    message = scene.failure.get("message") or f"Look at the log of the task {task}."
    return Answer(
        "bad",
        "Failed",
        f"Failed in {task}: not published",
        (str(message), f"Mend that, then clear the task {task}: what was committed stays. Readers keep the table of "
         "the run that is published."),
    )  # fmt: skip


@unless_garbled(None)
def _published(scene: Scene) -> Answer:
    rows, errors = int(scene.metrics["rows"]), int(scene.metrics["errors"])
    what = f"{rows:,} images" + (f", {errors:,} of them with an error" if errors else "")
    newer = scene.workspace.published_run()
    stays = (f"The newer run {newer} stays the published one.",) if newer and newer > scene.paths.run_key else ()
    word = "Done" if stays else "Published"
    finished, deadline = scene.finished_at, scene.deadline
    if not finished or not deadline:
        return Answer("good", word, f"{word}: {what}", stays)
    margin = (deadline - finished).total_seconds()
    due = f"Predicted by {clock(finished, scene.now)}; it was due {clock(deadline, scene.now)}."
    if margin < 0:
        return Answer("warn", "Late", f"{word} {span(-margin)} late: {what}", (due, *stays))
    return Answer("good", word, f"{word} on time: {what}", (f"{span(margin)} before its deadline. {due}", *stays))


@unless_garbled(None)
def _running(scene: Scene) -> Answer:
    current = next((name for name in STAGES if not _is_over(scene, name)), "publish")
    stage = scene.stages.get(current)
    doing = DOING[current]
    if stage is not None and stage.state == "awaiting_input":
        return Answer("warn", "Your turn", "Waits for a person", ("Answer under Required Actions in Airflow.",))
    if stage is not None and stage.state in ("up_for_retry", "restarting"):
        return Answer("warn", "Retry", f"{doing}: trying again", (str(scene.failure.get("message") or ""),))
    if all(stage.state in (None, "scheduled", "queued") for stage in scene.stages.values()):
        return Answer("neutral", "Waiting", "Waits for its turn", ("No task of it has begun yet.",))
    status = scene.run_status
    if status is None or status.forecast is None or status.observation.phase == Phase.ENDED:
        return _before_or_after(scene, doing)
    return _on_time(scene, status, doing)


def _on_time(scene: Scene, status: RunStatus, doing: str) -> Answer:
    observation, forecast = status.observation, status.forecast
    assert forecast is not None
    finish = observation.now + timedelta(seconds=forecast.p50_seconds)
    when = clock(finish, observation.now)
    if observation.deadline_at is None:
        return Answer("busy", doing, f"Finishes about {when}", ("It has no deadline.", *_quiet(scene)))
    sure = sentence(when_it_ends(status))
    spare = (observation.deadline_at - finish).total_seconds()
    if observation.now >= observation.deadline_at:
        return Answer("bad", "Late", f"Over its time: finishes about {when}", (sure, sentence(LET_IT_END)))
    probability = observation.miss_probability or 0.0
    if probability > AT_RISK_ABOVE:
        will = "Will be late" if probability > LATE_ABOVE else "May be late"
        side = f"{span(-spare)} after the deadline" if spare < 0 else f"{span(spare)} before the deadline"
        helps = sentence(what_helps(status))
        return Answer(
            "bad" if probability > LATE_ABOVE else "warn", "Late" if probability > LATE_ABOVE else "At risk",
            f"{will}: finishes {when}, {side}", (sure, helps, *_quiet(scene)),
        )  # fmt: skip
    return Answer(
        "warn" if _quiet(scene) else "good", "On time", f"On time: finishes {when}, {span(spare)} before the deadline",
        (sure, *_quiet(scene)),
    )  # fmt: skip


def _quiet(scene: Scene) -> tuple[str, ...]:
    """What the watch has said of a run that stands still, or waits, as long as it has not taken it back."""
    raised = [str(alert.get("level")) for alert in scene.alerts]
    since = raised[raised.index(Level.RECOVERED) + 1 :] if Level.RECOVERED in raised else raised
    waits = Level.QUEUED in since and scene.phase == Phase.WAITING
    stands = Level.STALLED in since and scene.phase in (Phase.STARTING, Phase.PREDICTING)
    return (("It stands still: see the alert.",) if stands else ()) + (("It waits: see the alert.",) if waits else ())


def _before_or_after(scene: Scene, doing: str) -> Answer:
    """While nothing is predicted: there is no forecast yet, or no need of one any more."""
    due = (f"It is due {clock(scene.deadline, scene.now)}.",) if scene.deadline else ()
    if not scene.deadline or scene.progress.get("state") != "finished":
        return Answer("busy", "Running", doing, due)
    left = (scene.deadline - scene.now).total_seconds()
    if left < 0:
        return Answer("bad", "Late", f"{doing}, {span(-left)} after the deadline", due)
    return Answer("good", "On time", f"{doing}, {span(left)} before the deadline", ("All rows are predicted.", *due))


def _is_over(scene: Scene, name: str) -> bool:
    stage = scene.stages.get(name)
    return name == "watch_runtime" or (stage is not None and stage.state in ("success", "skipped"))


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""

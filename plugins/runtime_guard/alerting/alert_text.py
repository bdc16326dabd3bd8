"""What an alert says, in one line: which run, how far, when it will end and how sure, when it must, and what helps."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from runtime_guard.alerting.levels import Level, WatchState
from runtime_guard.forecast.run_status import RunStatus
from runtime_guard.forecast.scale_up import find_scale_up, workers_and_cores

LOOK_AT_SPARK = (
    "look at the log of the task predict, at the page of the Spark master (port 8080), and on each worker for its "
    "executors: pgrep -af CoarseGrainedExecutorBackend"
)
LET_IT_END = "let it end; a run that is due before that is skipped; only_new=true shortens the ones after it"


def describe(level: Level, status: RunStatus, watch_state: WatchState) -> str:
    """The alert's text. Times are UTC; lengths are hours and minutes, or what their unit says."""
    parts = [how_far(status)]
    if level == Level.STALLED:
        parts += [_silence(status, watch_state), LOOK_AT_SPARK]
    elif level == Level.QUEUED:
        parts += [_waiting(status, watch_state), when_it_ends(status)]
    elif level == Level.RECOVERED:
        parts += ["recovered", when_it_ends(status)]
    elif level == Level.BREACHED:
        parts += [_breach(status), when_it_ends(status), f"nothing saves it any more: {LET_IT_END}"]
    else:
        parts += [when_it_ends(status), what_helps(status)]
    return one_line(f"run {status.run_key}: " + "; ".join(part for part in parts if part))


def how_far(status: RunStatus) -> str:
    done, total = status.rows_done, status.rows_total
    share = done / total if total else 0.0
    return f"{share:.0%} done ({done:,} of {total:,} rows)"


def when_it_ends(status: RunStatus) -> str:
    """Against the deadline, as P50 and P90."""
    observation, forecast = status.observation, status.forecast
    if not forecast:
        return "when it will end is not known yet"
    if not observation.deadline_at:
        finish = observation.now + timedelta(seconds=forecast.p50_seconds)
        return f"finishes {clock(finish, observation.now)} (P50)"
    left = (observation.deadline_at - observation.now).total_seconds()
    likely, surely = _against(forecast.p50_seconds - left), _against(forecast.p90_seconds - left)
    text = f"finishes {likely} (P50), {surely} (P90)"
    if left <= 0:
        return text
    due = clock(observation.deadline_at, observation.now)
    return f"{text}, {observation.miss_probability or 0:.0%} sure to be late; it is due {due}"


def what_helps(status: RunStatus) -> str:
    if not status.forecast or not workers_and_cores(status)[0]:
        return LOOK_AT_SPARK
    scale_up = find_scale_up(status)
    if scale_up is None:
        likely_late = (status.observation.miss_probability or 0.0) > 0.5
        return f"{'nothing saves it any more' if likely_late else 'more workers no longer help'}: {LET_IT_END}"
    by = clock(status.observation.now + scale_up.within, status.observation.now)
    workers = "worker" if scale_up.more == 1 else "workers"
    saves = "saves" if scale_up.more == 1 else "save"
    command = f"docker compose up -d --scale spark-worker={scale_up.total}"
    return f"{scale_up.more} more {workers} by {by} {saves} it: {command}"


def _silence(status: RunStatus, watch_state: WatchState) -> str:
    observation = status.observation
    since = max(moment for moment in (watch_state.phase_since, observation.last_advance) if moment)
    what = f"no row since {clock(since, observation.now)}" if observation.last_advance else "no row yet"
    usual = (
        f"up to {span(observation.expected_silence)} would be usual" if observation.expected_silence is not None else ""
    )
    return f"{what}, for {span((observation.now - since).total_seconds())} ({usual})"


def _waiting(status: RunStatus, watch_state: WatchState) -> str:
    observation = status.observation
    waited = (
        span((observation.now - watch_state.waiting_since).total_seconds())
        if watch_state.waiting_since
        else "some time"
    )
    if status.progress.get("waiting"):
        return (
            f"predict has waited {waited} for cores of Spark; the page of the Spark master (port 8080) shows which "
            "application holds them, or that no worker is there: docker compose up -d spark-worker"
        )
    return (
        f"predict has waited {waited} for a slot of Airflow; look for what fills the pool and the executor: "
        "airflow pools list, and the running tasks in the web UI"
    )


def _breach(status: RunStatus) -> str:
    observation = status.observation
    return f"its time was over {clock(observation.deadline_at, observation.now)}" if observation.deadline_at else ""


def _against(seconds: float) -> str:
    """Against the deadline."""
    return f"{span(seconds)} late" if seconds > 0 else f"{span(-seconds)} early"


def span(seconds: float) -> str:
    """02:40 for hours and minutes, 7 min or 12 s below, 11.6 days above."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 100 * 3600:
        return f"{whole // 3600:02}:{whole % 3600 // 60:02}"
    return f"{whole / 86400:.1f} days"


def clock(moment: datetime, now: datetime) -> str:
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    return f"{moment:%H:%M UTC}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M UTC}"


def one_line(text: str) -> str:
    """Whatever was put into it: no line of a log begins inside it, and no terminal obeys it."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()

"""The text of an alert, in one line: which run, how far, when it will finish, its deadline, and what helps."""

from __future__ import annotations

from datetime import timedelta

from run_contract.formatting import clock, count, duration, one_line, share
from runtime_guard.alerting.levels import Level, WatchState
from runtime_guard.alerting.watched_run import Advice
from runtime_guard.forecast.run_status import RunStatus
from runtime_guard.forecast.scale_up import find_scale_up, workers_and_cores


def describe(level: Level, status: RunStatus, state: WatchState, advice: Advice) -> str:
    """Return the text of an alert of this level."""
    parts = [how_far(status)]
    if level == Level.STALLED:
        parts += [_silence(status, state), advice.investigate]
    elif level == Level.QUEUED:
        parts += [_waiting(status, state, advice), when_it_ends(status)]
    elif level == Level.RECOVERED:
        parts += ["recovered", when_it_ends(status)]
    elif level == Level.BREACHED:
        parts += [_breach(status), when_it_ends(status), f"it can no longer finish on time: {advice.let_it_finish}"]
    else:
        parts += [when_it_ends(status), what_helps(status, advice)]
    return one_line(f"run {status.name}: " + "; ".join(part for part in parts if part))


def how_far(status: RunStatus) -> str:
    """Return such as `41% done (410,000 of 1,000,000 rows)`."""
    done, total = status.rows_done, status.rows_total
    return f"{share(done / total if total else 0.0, 0)} done ({count(done)} of {count(total)} rows)"


def when_it_ends(status: RunStatus) -> str:
    """Return the forecast against the deadline, as P50 and P90, without a full stop."""
    seen, forecast = status.observation, status.forecast
    if not forecast:
        return "it is not known yet when it will finish"
    if not seen.deadline_at:
        finish = seen.now + timedelta(seconds=forecast.p50_seconds)
        return f"expected to finish at {clock(finish, seen.now)} (P50)"
    left = (seen.deadline_at - seen.now).total_seconds()
    p50, p90 = _against_deadline(forecast.p50_seconds - left), _against_deadline(forecast.p90_seconds - left)
    text = f"expected to finish {p50} its deadline (P50) or {p90} it (P90)"
    if left <= 0:
        return text
    probability, deadline = share(seen.miss_probability or 0.0, 0), clock(seen.deadline_at, seen.now)
    return f"{text}, {probability} likely to miss its deadline at {deadline}"


def what_helps(status: RunStatus, advice: Advice) -> str:
    """Return what a person can do, without a full stop."""
    if not status.forecast or not workers_and_cores(status)[0]:
        return advice.investigate
    scale_up = find_scale_up(status)
    if scale_up is None:
        likely_late = (status.observation.miss_probability or 0.0) > 0.5
        cause = "it can no longer finish on time" if likely_late else "more workers no longer help"
        return f"{cause}: {advice.let_it_finish}"
    now = status.observation.now
    workers, by = count(scale_up.more, "worker"), clock(now + scale_up.within, now)
    return f"add {workers} by {by} to finish on time: {advice.scale_up.format(workers=scale_up.total)}"


def _silence(status: RunStatus, state: WatchState) -> str:
    seen = status.observation
    since = max(moment for moment in (state.phase_since, seen.last_advance) if moment)
    what = f"no row since {clock(since, seen.now)}" if seen.last_advance else "no row yet"
    usual = f" (up to {duration(seen.expected_silence)} is usual)" if seen.expected_silence is not None else ""
    return f"{what}, for {duration((seen.now - since).total_seconds())}{usual}"


def _waiting(status: RunStatus, state: WatchState, advice: Advice) -> str:
    now, since = status.observation.now, state.waiting_since
    waited = duration((now - since).total_seconds()) if since else "too long"
    return f"it has waited {waited} for {advice.for_cores if status.progress.waiting else advice.for_scheduler}"


def _breach(status: RunStatus) -> str:
    seen = status.observation
    return f"its deadline at {clock(seen.deadline_at, seen.now)} has passed" if seen.deadline_at else ""


def _against_deadline(seconds: float) -> str:
    return f"{duration(abs(seconds))} {'after' if seconds > 0 else 'before'}"

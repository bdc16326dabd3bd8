"""What the watch of a run knows from poll to poll, in the run's directory: it outlives triggerer and worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from run_contract.files import exclusive, read_json, read_json_lines, write_json
from run_contract.layout import RunPaths
from runtime_guard.alerting.levels import Level, WatchState


@contextmanager
def hold_watch_state(run: RunPaths) -> Iterator[WatchState]:
    """The run's memory for the block, alone: two watchers at a time take turns. What the block changes is kept.

    alerts.jsonl is the one record of what was raised; watch.json holds the rest. Raises OSError when the run's
    directory cannot be written.
    """
    with alone(run):
        watch_state = WatchState.from_json(read_json(run.watch_state) or {})
        watch_state.raised = [Level(level) for level in raised_levels(run)]
        yield watch_state
        write_json(run.watch_state, {key: value for key, value in watch_state.to_json().items() if key != "raised"})


@contextmanager
def alone(run: RunPaths) -> Iterator[None]:
    """Held by whoever looks at what was raised in order to raise more."""
    with exclusive(run.root / ".watch.lock"):
        yield


def raised_levels(run: RunPaths) -> list[str]:
    return [record["level"] for record in read_json_lines(run.alerts)]

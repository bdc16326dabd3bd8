"""Choose the run whose results an incremental run reuses."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from image_scoring.worker.incremental import BaseRun
from run_contract.files import read_json, write_json
from run_contract.layout import RunPaths, Workspace

log = logging.getLogger(__name__)


def choose_base_run(workspace: Workspace, run: RunPaths) -> BaseRun | None:
    """The base run of `run`, which has its scoring.json, or None; one line of the log says which, or why none.

    The run that is published at the first call stays the candidate, kept in base_run.json: whatever is published until
    the next attempt, it goes on with the same base run.
    """
    record = _read(run.base_run) or {"candidate": workspace.published_run()}
    candidate = record["candidate"]
    found = _judge(workspace, run, candidate)
    if isinstance(found, BaseRun):
        log.info("run %s: what is unchanged since run %s is carried over", run.run_key, candidate)
        base_run, reason = found, None
    else:
        log.info("run %s: nothing is carried over, %s", run.run_key, found)
        base_run, reason = None, found
    write_json(run.base_run, {"candidate": candidate, "carried_over": reason is None, "reason": reason})
    return base_run


def _judge(workspace: Workspace, run: RunPaths, candidate: str | None) -> BaseRun | str:
    """The candidate as the base run, or why it cannot be."""
    if candidate is None:
        return "no run was published"
    if candidate == run.run_key:
        return "it is the published run itself"
    base_run = workspace.run(candidate)
    summary, before, now = _read(base_run.manifest_summary), _read(base_run.scoring), _read(run.scoring)
    if not summary or not before or not base_run.predictions.is_dir():
        return f"the published run {candidate} has not its manifest, scoring.json and predictions"
    other = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    if other:
        return f"the published run {candidate} was predicted with another {', '.join(other)}"
    return BaseRun(str(base_run.root), summary["shards"])


def _read(path: Path) -> Any:
    """The record in `path`, an empty one when it is not there or damaged."""
    try:
        return read_json(path) or {}
    except (OSError, ValueError):
        return {}

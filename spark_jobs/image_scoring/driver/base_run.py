"""Choose the run whose results an incremental run reuses."""

from __future__ import annotations

import logging

from image_scoring.worker.incremental import BaseRun
from run_contract.layout import RunPaths, Workspace
from run_contract.record import read_readable, require_record, write_record
from run_contract.records.manifest import ManifestRecord
from run_contract.records.predict import BaseRunRecord, ScoringRecord

log = logging.getLogger(__name__)


def choose_base_run(workspace: Workspace, run: RunPaths) -> BaseRun | None:
    """Return the base run of `run`, or None; log which, or why there is none. `run` must have its scoring.json.

    The candidate is the run that is published when predict starts first. base_run.json keeps it, so that later attempts
    use the same one whatever is published in between.
    """
    record = read_readable(BaseRunRecord, run.base_run) or BaseRunRecord(workspace.published_run())
    candidate = record.candidate
    found = _check_candidate(workspace, run, candidate)
    if isinstance(found, BaseRun):
        log.info("run %s: results of unchanged images are carried over from run %s", run.run_key, candidate)
        write_record(run.base_run, BaseRunRecord(candidate, carried_over=True))
        return found
    log.info("run %s: no results are carried over: %s", run.run_key, found)
    write_record(run.base_run, BaseRunRecord(candidate, carried_over=False, reason=found))
    return None


def _check_candidate(workspace: Workspace, run: RunPaths, candidate: str | None) -> BaseRun | str:
    """Return the candidate as the base run, or why it cannot be."""
    if candidate is None:
        return "no run was published"
    if candidate == run.run_key:
        return "it is the published run itself"
    base = workspace.run(candidate)
    manifest = read_readable(ManifestRecord, base.manifest_summary)
    scoring = read_readable(ScoringRecord, base.scoring)
    if not manifest or not scoring or not base.predictions.is_dir():
        return f"the published run {candidate} does not have its manifest.json, scoring.json and predictions"
    differences = require_record(ScoringRecord, run.scoring).differences(scoring)
    if differences:
        return f"the published run {candidate} was predicted with another {', '.join(differences)}"
    return BaseRun(str(base.root), manifest.shards)

"""The task validate: check that the predictions are those of the manifest, and good enough to publish."""

from __future__ import annotations

import logging
from dataclasses import replace

from batch_predictions.history import record_run
from batch_predictions.shard_hash import hash_shards
from batch_predictions.tally import Faults, Tally
from run_contract.errors import BatchPredictionsError
from run_contract.formatting import count, share
from run_contract.layout import RunPaths, Workspace
from run_contract.record import require_record, write_record
from run_contract.records.manifest import ManifestRecord
from run_contract.records.metrics import MetricsRecord

log = logging.getLogger(__name__)

QUOTED_FAULTS = 3


class Invalid(BatchPredictionsError):
    """The predictions must not be published."""


def validate(
    workspace: Workspace, run: RunPaths, labels: tuple[str, ...], error_budget: float, threshold: float = 0.5
) -> MetricsRecord:
    """Compare the predictions with the manifest, row by row and shard by shard.

    Write metrics.json, gallery.parquet and the run's line of history.jsonl; return the metrics. error_budget: the
    highest share of error rows that may be published, 0 to 1. threshold: of the model's spec. Raises Invalid with the
    faults, and RecordError if there is no manifest.
    """
    manifest = require_record(ManifestRecord, run.manifest_summary)
    shards_sha256 = hash_shards(run)  # before they are read: publish notices a shard that changes later
    tally = Tally(labels, threshold)
    for shard in range(manifest.shards):
        tally.add_shard(run, shard)
    for fault in find_run_faults(run, manifest, tally, error_budget):
        tally.faults.add(fault)
    metrics = replace(tally.metrics(run.run_key, manifest), shards_sha256=shards_sha256)
    tally.gallery.write(run)
    write_record(run.metrics, metrics)
    record_run(workspace, run, metrics)
    if tally.faults.count:
        raise Invalid(
            f"run {run.run_key}: its predictions are not valid and are not published: {quote_faults(tally.faults)}; "
            f"see {run.metrics}, fix the cause, then run the task validate again"
        )
    log.info("valid: %s, %s", count(tally.rows, "row"), count(tally.errors, "error"))
    return metrics


def quote_faults(faults: Faults) -> str:
    more = faults.count - QUOTED_FAULTS
    return "; ".join([*faults.listed[:QUOTED_FAULTS], *([f"and {more} more"] if more > 0 else [])])


def find_run_faults(run: RunPaths, manifest: ManifestRecord, tally: Tally, error_budget: float) -> list[str]:
    """Return the faults that no single shard shows: extra shards, missing rows, too many errors."""
    faults = []
    extra = len(list(run.predictions.glob("shard-*.parquet"))) - manifest.shards
    if extra > 0:
        faults.append(f"{count(extra, 'shard')} of predictions that the manifest does not contain")
    if not tally.faults.count and tally.rows != manifest.rows:
        faults.append(f"{count(tally.rows, 'row')} of predictions, the manifest has {count(manifest.rows)}")
    error_share = tally.errors / tally.rows if tally.rows else 0.0
    if error_share > error_budget:
        worst = ", ".join(f"{count(number)} {reason}" for reason, number in tally.reasons.most_common(3))
        allowed = f"the Param error_budget allows {share(error_budget)}"
        faults.append(f"{share(error_share)} of the rows are errors ({worst}), {allowed}")
    return faults

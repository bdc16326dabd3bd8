"""The task download: a source becomes a verified dataset in the workspace."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from batch_predictions.archive import extract
from batch_predictions.fetch import Download
from batch_predictions.source import check_source, is_url, local_path
from run_contract.files import exclusive, remove_leftovers, sha256_of
from run_contract.layout import RunPaths, Workspace
from run_contract.record import write_record
from run_contract.records.dataset import DatasetRecord

log = logging.getLogger(__name__)


def download(workspace: Workspace, run: RunPaths, source: str) -> DatasetRecord:
    """Brings `source` (URL of a zip archive, path of one, or a directory) into the workspace.

    The same content is extracted once and shared by all runs. Writes the run's dataset.json.
    Raises BatchPredictionsError with the old state untouched.
    """
    check_source(source)
    if is_url(source):
        dataset = _extract_once(workspace, source, Download(source, workspace.downloads).fetch())
    elif local_path(source).is_dir():
        root = local_path(source).resolve()
        dataset = DatasetRecord(source, str(root), f"directory:{root}")
    else:
        dataset = _extract_once(workspace, source, local_path(source))
    write_record(run.dataset, dataset)
    log.info("dataset %s at %s", dataset.content_id, dataset.root)
    return dataset


def _extract_once(workspace: Workspace, source: str, archive: Path) -> DatasetRecord:
    with exclusive(workspace.root / ".datasets.lock"):
        content_id = sha256_of(archive)[:16]
        root = workspace.datasets / content_id
        if root.is_dir():
            log.info("source %s: extracted before, same content", source)
        else:
            log.info("source %s: extracting %s bytes", source, f"{os.path.getsize(archive):,}")
            remove_leftovers(workspace.datasets)
            extract(archive, root, source)
    return DatasetRecord(source, str(root), content_id)

"""The task download: bring the source into the workspace as a verified dataset."""

from __future__ import annotations

import logging
from pathlib import Path

from batch_predictions.archive import extract
from batch_predictions.fetch import Download
from batch_predictions.source import check_source, is_url, local_path
from run_contract.files import exclusive, remove_leftovers, sha256_of
from run_contract.formatting import count
from run_contract.layout import RunPaths, Workspace
from run_contract.record import write_record
from run_contract.records.dataset import DatasetRecord

log = logging.getLogger(__name__)


def download(workspace: Workspace, run: RunPaths, source: str) -> DatasetRecord:
    """Bring `source` into the workspace, write the run's dataset.json and return its content.

    source: the URL or the path of a zip archive, which is extracted once for the same content and shared by all runs;
    or a directory, which is used in place. Raises BatchPredictionsError and leaves the workspace as it was.
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
            log.info("source %s: already extracted, the content is the same", source)
        else:
            log.info("source %s: extracting %s", source, count(archive.stat().st_size, "byte"))
            remove_leftovers(workspace.datasets)
            extract(archive, root, source)
    return DatasetRecord(source, str(root), content_id)

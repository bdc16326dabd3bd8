"""The task download: a source becomes a verified dataset in the workspace."""

from __future__ import annotations

import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from batch_predictions.archive import extract
from batch_predictions.fetch import Download
from batch_predictions.source import check_source, is_url, local_path
from run_contract.files import exclusive, read_json, remove_leftovers, sha256_of, write_json
from run_contract.layout import RunPaths, Workspace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dataset:
    """Where the images of a run are.

    root: directory that the paths of the manifest are relative to. content_id: the same for the same content;
    for a directory, which is used where it is and may change, only its path is known here.
    """

    source: str
    root: str
    content_id: str


def download(workspace: Workspace, run: RunPaths, source: str) -> Dataset:
    """Brings `source` (URL of a zip archive, path of one, or a directory) into the workspace.

    The same content is extracted once and shared by all runs. Writes the run's dataset.json.
    Raises BatchPredictionsError with the old state untouched.
    """
    check_source(source)
    if is_url(source):
        dataset = _extract_once(workspace, source, Download(source, workspace.downloads).fetch())
    elif local_path(source).is_dir():
        root = local_path(source).resolve()
        dataset = Dataset(source, str(root), f"directory:{root}")
    else:
        dataset = _extract_once(workspace, source, local_path(source))
    write_json(run.dataset, asdict(dataset))
    log.info("dataset %s at %s", dataset.content_id, dataset.root)
    return dataset


def _extract_once(workspace: Workspace, source: str, archive: Path) -> Dataset:
    with exclusive(workspace.root / ".datasets.lock"):
        content_id = sha256_of(archive)[:16]
        root = workspace.datasets / content_id
        if root.is_dir():
            log.info("source %s: extracted before, same content", source)
        else:
            log.info("source %s: extracting %s bytes", source, f"{os.path.getsize(archive):,}")
            remove_leftovers(workspace.datasets)
            extract(archive, root, source)
    return Dataset(source, str(root), content_id)


def load_dataset(run: RunPaths) -> Dataset | None:
    record = read_json(run.dataset)
    return Dataset(**record) if record else None

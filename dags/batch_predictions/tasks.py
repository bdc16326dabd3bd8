"""The tasks of the DAG: each takes the run from Airflow's context and hands it to the module of its name.

What they need is imported inside them, because this file is read at every parse of the DAG.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import get_current_context

from batch_predictions.params import PARAMS
from batch_predictions.run import explained, run_of, workspace
from image_scoring.model.spec import ModelSpec, load_spec
from run_contract.errors import BatchPredictionsError
from run_contract.record import read_record
from run_contract.records.dataset import DatasetRecord


@explained
def download() -> None:
    """Brings the source into the workspace, verified, once for the same content."""
    from batch_predictions.download import download as download_source
    from image_scoring.model.safety import check_model_present

    context = get_current_context()
    _check_conf(context)
    check_model_present(Path(context["params"]["model"]))
    download_source(workspace(), run_of(context), context["params"]["source"])


@explained
def manifest() -> None:
    """Lists the images of the dataset, one row each, cut into shards."""
    from batch_predictions.manifest import build_manifest

    context = get_current_context()
    run, params = run_of(context), context["params"]
    dataset = read_record(DatasetRecord, run.dataset)
    if dataset is None:
        raise BatchPredictionsError(f"run {run.run_key}: it has no dataset; run the task download first")
    build_manifest(run, dataset, _spec(params).labels, params["limit"])


@explained
def validate() -> None:
    """Checks the predictions against the manifest; its verdict gates publish."""
    from batch_predictions.validate import validate as validate_run

    context = get_current_context()
    params = context["params"]
    spec = _spec(params)
    validate_run(workspace(), run_of(context), spec.labels, params["error_budget"], spec.threshold)


@explained
def publish() -> None:
    """Points the readers at this run, in one step."""
    from batch_predictions.publish import publish as publish_run

    context = get_current_context()
    metrics = publish_run(workspace(), run_of(context))
    for outlet in context["task"].outlets:
        context["outlet_events"][outlet].extra = {key: metrics[key] for key in ("run_key", "rows", "errors")}


def _spec(params: Any) -> ModelSpec:
    return load_spec(Path(params["model"]))[0]


def _check_conf(context: Any) -> None:
    """Airflow takes any key in a run's conf; one that is misspelt must not be ignored in silence."""
    unknown = sorted(set(context["dag_run"].conf or {}) - set(PARAMS))
    if unknown:
        raise BatchPredictionsError(f"parameter {unknown[0]}: there is no such Param; there are {', '.join(PARAMS)}")

"""The tasks download, manifest, validate and publish: each passes the run and its Params to the module of its name.

The modules are imported inside the functions, because Airflow imports this file each time it parses the DAG.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import get_current_context

from batch_predictions.context import run_of, workspace
from batch_predictions.failures import reports_failure
from batch_predictions.params import PARAMS
from image_scoring.model.spec import ModelSpec, load_spec
from run_contract.errors import BatchPredictionsError
from run_contract.record import require_record
from run_contract.records.dataset import DatasetRecord


@reports_failure
def download() -> None:
    """Bring the source into the workspace, verified, once for the same content."""
    from batch_predictions.download import download as download_source
    from image_scoring.model.safety import check_model_present

    context = get_current_context()
    _check_conf(context)
    check_model_present(Path(context["params"]["model"]))
    download_source(workspace(), run_of(context), context["params"]["source"])


@reports_failure
def manifest() -> None:
    """List the images of the dataset, one row each, cut into shards."""
    from batch_predictions.manifest import build_manifest

    context = get_current_context()
    run, params = run_of(context), context["params"]
    dataset = require_record(DatasetRecord, run.dataset)
    build_manifest(run, dataset, _spec(params).labels, params["limit"])


@reports_failure
def validate() -> None:
    """Compare the predictions with the manifest; fail if they must not be published."""
    from batch_predictions.validate import validate as validate_run

    context = get_current_context()
    params = context["params"]
    spec = _spec(params)
    validate_run(workspace(), run_of(context), spec.labels, params["error_budget"], spec.threshold)


@reports_failure
def publish() -> None:
    """Point the readers at this run, in one step."""
    from batch_predictions.publish import publish as publish_run

    context = get_current_context()
    metrics = publish_run(workspace(), run_of(context))
    for outlet in context["task"].outlets:
        context["outlet_events"][outlet].extra = {
            "run_key": metrics.run_key,
            "rows": metrics.rows,
            "errors": metrics.errors,
        }


def _spec(params: Any) -> ModelSpec:
    return load_spec(Path(params["model"]))[0]


def _check_conf(context: Any) -> None:
    """Refuse a misspelt Param: Airflow accepts any key in the conf of a run and ignores the unknown ones."""
    unknown = sorted(set(context["dag_run"].conf or {}) - set(PARAMS))
    if unknown:
        raise BatchPredictionsError(
            f"parameter {unknown[0]}: there is no such Param; trigger a new run, its Params are {', '.join(PARAMS)}"
        )

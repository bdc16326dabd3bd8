"""The Params of the DAG, which `make run` accepts in capitals. Does not import Airflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from batch_predictions import settings
from run_contract.arguments import ENGINES, PRECISIONS
from runtime_guard.forecast.interval import INTERVAL_PATTERN


@dataclass(frozen=True)
class ParamSpec:
    """The default of a Param and the JSON schema of its values, whose description the trigger form shows."""

    default: Any
    schema: dict[str, Any]


def _param(default: Any, description: str, **schema: Any) -> ParamSpec:
    return ParamSpec(default, {**schema, "description": description})


PARAMS = {
    "source": _param(
        str(settings.SAMPLE),
        "Images to predict: the URL or the path of a zip archive, or a directory",
        type="string",
        minLength=1,
    ),
    "model": _param(str(settings.MODEL), "Keras model file (.h5 or .keras)", type="string", minLength=1),
    "engine": _param(
        "auto",
        "auto uses OpenVINO, or TensorFlow if OpenVINO cannot run the model",
        type="string",
        enum=list(ENGINES),
    ),
    "precision": _param(
        "f32",
        "f32 gives the labels of Keras. cascade predicts in int8 or bf16 and repeats close decisions in f32: faster, "
        "but one label in thousands may differ. bf16 or int8 alone changes more labels; int8 measures how many on a "
        "sample",
        type="string",
        enum=list(PRECISIONS),
    ),
    "only_new": _param(
        False,
        "Reuse the predictions of the last published run for unchanged images, if it used the same model and settings",
        type="boolean",
    ),
    "image_timeout": _param(
        60.0,
        "Seconds after which an image that is still being processed is recorded as hung",
        type="number",
        minimum=1,
        maximum=3600,
    ),
    "limit": _param(None, "At most N images; empty for all", type=["null", "integer"], minimum=1),
    "workers": _param(
        None,
        "At most N Spark workers; empty for all",
        type=["null", "integer"],
        minimum=1,
        maximum=100000,
    ),
    "interval": _param(
        None,
        "How long the run may take, such as 90s, 6h or 1d; empty for one interval of the schedule",
        type=["null", "string"],
        pattern=INTERVAL_PATTERN,
    ),
    "buffer": _param(
        0.2,
        "Share of the interval to keep free; a run that is forecast to use it does not fit",
        type="number",
        minimum=0,
        maximum=0.9,
    ),
    "error_budget": _param(
        0.05,
        "Highest share of error rows with which the run is still published",
        type="number",
        minimum=0,
        maximum=1,
    ),
    "on_overrun": _param(
        "warn",
        "If the run does not fit into its interval: warn and continue, refuse before predicting, or let a person "
        "approve it in Airflow's web UI; no answer by the deadline counts as a rejection",
        type="string",
        enum=["warn", "refuse", "approve"],
    ),
}

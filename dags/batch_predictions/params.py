"""Every Param of a run, which `make run` takes in capitals. Imports no Airflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from batch_predictions import settings
from run_contract.arguments import ENGINES, PRECISIONS
from runtime_guard.forecast.interval import INTERVAL_PATTERN


@dataclass(frozen=True)
class ParamSpec:
    """A default and the JSON schema that a value must fit; the description shows in the trigger form."""

    default: Any
    schema: dict[str, Any]


def _param(default: Any, description: str, **schema: Any) -> ParamSpec:
    return ParamSpec(default, {**schema, "description": description})


PARAMS = {
    "source": _param(
        str(settings.SAMPLE),
        "Images: the URL of a zip archive, the path of one, or a directory",
        type="string",
        minLength=1,
    ),
    "model": _param(str(settings.MODEL), "Keras model file (.h5 or .keras)", type="string", minLength=1),
    "engine": _param("auto", "auto takes openvino, and tensorflow where it must", type="string", enum=list(ENGINES)),
    "precision": _param(
        "f32",
        "f32 gives Keras's labels; cascade asks int8 or bf16, and f32 again where the decision is close: faster, and a "
        "label in thousands may differ; in bf16 or int8 alone more do, and int8 says how many of a sample",
        type="string",
        enum=list(PRECISIONS),
    ),
    "only_new": _param(
        False,
        "Carry over what the last published run predicted with the same model, for images that are unchanged",
        type="boolean",
    ),
    "image_timeout": _param(
        60.0,
        "Seconds after which an image that neither fails nor ends counts as hung",
        type="number",
        minimum=1,
        maximum=3600,
    ),
    "limit": _param(None, "Only the first so many images; empty for all of them", type=["null", "integer"], minimum=1),
    "workers": _param(
        None,
        "At most so many Spark workers; empty for all of them",
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
        0.2, "Share of the interval to keep free: past it, an alert", type="number", minimum=0, maximum=0.9
    ),
    "error_budget": _param(0.05, "Share of error rows that is still published", type="number", minimum=0, maximum=1),
    "on_overrun": _param(
        "warn",
        "When the forecast does not fit: warn and go on, refuse before any core is spent, or let a person approve it "
        "in Airflow's web UI; no answer until the deadline means no",
        type="string",
        enum=["warn", "refuse", "approve"],
    ),
}

"""On the driver: how often int8 alone gives the label of f32. Nothing is predicted in int8 before that is known."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.engines import EngineChoice, open_engine
from image_scoring.model.model_store import agreement_file, quantized
from image_scoring.model.output_labels import labels_of
from image_scoring.model.precision.cascade_calibration import (
    NotCalibrated,
    batches,
    check_enough,
    held_out,
    images_for_ranges,
    setting_of,
)
from image_scoring.model.precision.quantization import quantize_once
from image_scoring.model.spec import ModelSpec
from run_contract.files import read_json, write_json

log = logging.getLogger(__name__)

# Below it the quantized model is not a faster version of this one, but a broken one.
LEAST_SHARE = 0.95


@dataclass(frozen=True)
class Agreement:
    """images: how many were compared; equal: on how many of them int8 has the label of f32."""

    images: int
    equal: int

    @property
    def share(self) -> float:
        return self.equal / self.images

    def __str__(self) -> str:
        return f"int8 has the label of f32 on {self.equal} of {self.images} images"


def measure_agreement(model_xml: Path, spec: ModelSpec, images: Iterable[NDArray[np.float32]]) -> Agreement:
    """The agreement of a converted model, which is quantized for it; from the file beside it when it is known.

    images: preprocessed images (height, width, 3), looped over several times, and not at all if they are not needed;
    the quantizer sees some, the others are compared. Raises NotCalibrated: why int8 does not fit.
    """
    from image_scoring.model.engines.openvino_engine import is_native

    if not is_native("int8"):
        raise NotCalibrated("the CPU of the driver has no int8")
    setting, record = setting_of(spec), agreement_file(model_xml.parent)
    known: dict[str, Any] | None = read_json(record)
    if known and known["setting"] == setting and quantized(model_xml).exists():
        found = Agreement(**known["agreement"])
    else:
        found = _compare(model_xml, spec, images)
        write_json(record, {"setting": setting, "agreement": asdict(found)})
    if found.share < LEAST_SHARE:
        raise NotCalibrated(f"{found}, it takes {LEAST_SHARE:.0%}")
    log.info("model %s: %s", spec.name, found)
    return found


def _compare(model_xml: Path, spec: ModelSpec, images: Iterable[NDArray[np.float32]]) -> Agreement:
    check_enough(images)
    try:
        quantize_once(model_xml, images_for_ranges(images, spec))
    except Exception as error:  # a quantizer can fail in any way, or not be installed; int8 is only for speed
        raise NotCalibrated(f"it cannot be quantized: {' '.join(str(error).split())[:200]}") from error
    low, high = (open_engine(EngineChoice("openvino", name, str(model_xml))) for name in ("int8", "f32"))
    count = equal = 0
    for batch in batches(held_out(images)):
        labels = [labels_of(engine.predict(batch), spec)[0] for engine in (low, high)]
        count, equal = count + len(batch), equal + int(np.sum(labels[0] == labels[1]))
    return Agreement(count, equal)

"""Measure how often int8 alone gives the label of f32, on the driver, before anything is predicted in int8."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.model_store import agreement_file, int8_model, read_stored
from image_scoring.model.output_labels import labels_of
from image_scoring.model.precision.measurement import (
    Conditions,
    PrecisionRefused,
    batches,
    check_enough_images,
    measurement_images,
    present_conditions,
    quantizer_images,
)
from image_scoring.model.precision.quantization import quantize_once
from image_scoring.model.spec import ModelSpec
from run_contract.record import Record, write_record

log = logging.getLogger(__name__)

# With a smaller share the quantized model is not a faster version of this one but a broken one.
MIN_SHARE = 0.95


@dataclass(frozen=True)
class Agreement:
    """images: the number compared. equal: the number of those on which int8 has the label of f32."""

    images: int
    equal: int

    @property
    def share(self) -> float:
        """The share of images with equal labels."""
        return self.equal / self.images

    def __str__(self) -> str:
        return f"int8 has the label of f32 on {self.equal} of {self.images} images"


@dataclass(frozen=True)
class AgreementRecord(Record):
    """agreement-int8.json: the agreement of a model and the conditions that it is valid for."""

    conditions: Conditions
    agreement: Agreement


def measure_agreement(model_xml: Path, spec: ModelSpec, images: Iterable[NDArray[np.float32]]) -> Agreement:
    """Return the agreement of a converted model, from the model store or measured now; quantizes the model if needed.

    images: preprocessed images (height, width, 3), iterated over several times, and only for a measurement; the
    quantizer gets some of them, the others are compared. Raises PrecisionRefused.
    """
    from image_scoring.model.engines.openvino_engine import is_native

    if not is_native("int8"):
        raise PrecisionRefused("the CPU of the driver has no int8")
    conditions, file = present_conditions(spec), agreement_file(model_xml)
    stored = read_stored(AgreementRecord, file)
    if stored and stored.conditions == conditions and int8_model(model_xml).exists():
        agreement = stored.agreement
    else:
        agreement = _compare(model_xml, spec, images)
        write_record(file, AgreementRecord(conditions, agreement))
    if agreement.share < MIN_SHARE:
        raise PrecisionRefused(f"{agreement}, at least {MIN_SHARE:.0%} is needed")
    log.info("model %s: %s", spec.name, agreement)
    return agreement


def _compare(model_xml: Path, spec: ModelSpec, images: Iterable[NDArray[np.float32]]) -> Agreement:
    check_enough_images(images)
    try:
        quantize_once(model_xml, quantizer_images(images, spec))
    except Exception as error:  # a quantizer can fail in any way, or not be installed; int8 is only for speed
        raise PrecisionRefused(f"it cannot be quantized: {' '.join(str(error).split())[:200]}") from error
    low, high = (open_engine(EngineChoice("openvino", name, str(model_xml))) for name in ("int8", "f32"))
    count = equal = 0
    for batch in batches(measurement_images(images)):
        labels = [labels_of(engine.predict(batch), spec)[0] for engine in (low, high)]
        count, equal = count + len(batch), equal + int(np.sum(labels[0] == labels[1]))
    return Agreement(count, equal)

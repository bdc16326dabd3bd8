"""Measure, on the driver, which low precision a cascade uses and how close to the decision f32 must predict again.

A label can flip only where the two precisions differ by more than the margin of the decision, which is the lead of the
winning label over the next one, in logits. Logits are used because there the difference has the same size everywhere;
in probabilities it is a hundred times larger where the sigmoid is steep than near 0 and 1, where most images are. So
every image of the sample contributes to the estimate for the few images near the decision.

    band = max(6 * rms, largest difference seen)

rms is the root mean square of the differences in margin between the low precision and f32 over the sample. It varies
little from sample to sample, whereas the largest of 300 differences varies by a factor of two. The factor 6 allows for
a tail longer than that of a normal distribution. No image of the sample flips; for other images the band is an
estimate: docs/decisions/models-and-precision.md gives the result on 3,000 photos. Of several low precisions, the one
with the lowest expected cost of an image is used.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.engines.cascade import EDGE, RECHECK_ONE_IN, logits_of, margins_of
from image_scoring.model.engines.engine import Engine, EngineChoice
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.model_store import calibration_file, int8_model, read_stored
from image_scoring.model.precision.measurement import (
    MIN_IMAGES,
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

LOW_PRECISIONS = ("int8", "bf16")
TAIL = 6.0
# A cascade that is not expected to take less than this share of f32's time is not used.
MAX_COST = 0.9


@dataclass(frozen=True)
class Calibration:
    """The settings of a cascade and what they were measured to cost.

    low: the precision that predicts first. images: the number measured on. band: in logits. share: of the images, those
    inside the band. low_cost: time of an image in the low precision as a share of its time in f32.
    """

    low: str
    images: int
    band: float
    share: float
    low_cost: float

    @property
    def cost(self) -> float:
        """The expected time of an image in the cascade as a share of its time in f32."""
        return self.low_cost + self.share + (1 - self.share) / RECHECK_ONE_IN

    def __str__(self) -> str:
        return f"{self.low} takes {self.low_cost:.0%} of f32's time and f32 would decide {self.share:.1%} of the images"


@dataclass(frozen=True)
class CalibrationRecord(Record):
    """calibrated.json: the calibration of a model and the conditions that it is valid for."""

    conditions: Conditions
    calibration: Calibration


def calibrate(model_xml: Path, spec: ModelSpec, images: Iterable[NDArray[np.float32]]) -> Calibration:
    """Return the calibration of a converted model, from the model store or measured now.

    images: preprocessed images (height, width, 3), iterated over several times, and only for a measurement.
    Raises PrecisionRefused.
    """
    from image_scoring.model.engines.openvino_engine import is_native

    native = [low for low in LOW_PRECISIONS if is_native(low)]
    if not native:
        raise PrecisionRefused(f"the CPU of the driver has no {' and no '.join(LOW_PRECISIONS)}")
    conditions, file = present_conditions(spec), calibration_file(model_xml)
    stored = read_stored(CalibrationRecord, file)
    if stored and stored.conditions == conditions and _is_usable(stored.calibration, native, model_xml):
        log.info("model %s: already calibrated", spec.name)
        return stored.calibration
    best = _cheapest(model_xml, spec, native, images)
    write_record(file, CalibrationRecord(conditions, best))
    log.info(
        "model %s: calibrated on %d images; %s, up to a margin of %.2f logits", spec.name, best.images, best, best.band
    )
    return best


def _is_usable(calibration: Calibration, native: list[str], model_xml: Path) -> bool:
    return calibration.low in native and (calibration.low != "int8" or int8_model(model_xml).exists())


def _cheapest(
    model_xml: Path, spec: ModelSpec, native: list[str], images: Iterable[NDArray[np.float32]]
) -> Calibration:
    """Measure the low precisions and return the cheapest one that is worth using. Raises PrecisionRefused."""
    check_enough_images(images)
    high = open_engine(EngineChoice("openvino", "f32", str(model_xml)))
    found, reasons = [], []
    for name in native:
        if name == "int8" and not _can_quantize(model_xml, spec, images):
            continue
        low = open_engine(EngineChoice("openvino", name, str(model_xml)))
        try:
            measured = measure(name, low, high, measurement_images(images), spec.threshold)
        except PrecisionRefused as reason:
            reasons.append(str(reason))
            continue
        if measured.cost <= MAX_COST:
            found.append(measured)
        else:
            reasons.append(str(measured))
    if not found:
        raise PrecisionRefused("; ".join(reasons) or "no low precision is available")
    return min(found, key=lambda each: each.cost)


def _can_quantize(model_xml: Path, spec: ModelSpec, images: Iterable[NDArray[np.float32]]) -> bool:
    try:
        quantize_once(model_xml, quantizer_images(images, spec))
    except Exception as error:  # a quantizer can fail in any way, or not be installed; int8 is only for speed
        cause = " ".join(str(error).split())[:200]
        log.warning("model %s: it cannot be quantized to int8 (%s); continuing without int8", spec.name, cause)
        return False
    return True


def measure(
    name: str, low: Engine, high: Engine, images: Iterable[NDArray[np.float32]], threshold: float
) -> Calibration:
    """Predict all images with both engines, alternately and in batches, and return what was measured.

    name: the precision of `low`. Raises PrecisionRefused when too few images are informative.
    """
    low_outputs: list[NDArray[np.float32]] = []
    high_outputs: list[NDArray[np.float32]] = []
    costs: list[float] = []
    for batch in batches(images):
        if not low_outputs:  # the first call of an engine allocates memory
            low.predict(batch[:1]), high.predict(batch[:1])
        start = time.perf_counter()
        low_outputs.append(low.predict(batch))
        middle = time.perf_counter()
        high_outputs.append(high.predict(batch))
        costs.append((middle - start) / (time.perf_counter() - middle))
    band, share = band_of(np.concatenate(low_outputs), np.concatenate(high_outputs), threshold)
    # The median, because another process may take the core for a moment.
    return Calibration(name, sum(map(len, low_outputs)), band, share, float(np.median(costs)))


def band_of(low: NDArray[np.float32], high: NDArray[np.float32], threshold: float) -> tuple[float, float]:
    """Return the band in logits and the share of the images inside it, for outputs (n, k) of the same images.

    Images whose probability is 0 or 1 to the precision of float32 in both are left out: their difference is unknown
    and would count as small. Raises PrecisionRefused when fewer than MIN_IMAGES are left.
    """
    informative = ~(_saturated(low) & _saturated(high))
    if informative.sum() < MIN_IMAGES:
        raise PrecisionRefused(
            f"only {informative.sum()} of {len(low)} images have a probability that is not 0 or 1, at least "
            f"{MIN_IMAGES} are needed"
        )
    logits = logits_of(low, threshold)
    labels = logits.argmax(axis=1)
    margins = margins_of(logits, labels)
    difference = np.abs(margins - margins_of(logits_of(high, threshold), labels))[informative]
    band = max(TAIL * float(np.sqrt(np.mean(difference**2))), float(difference.max()))
    if not np.isfinite(band):
        raise PrecisionRefused("an output in the low precision is not a number")
    return band, float(np.mean(margins <= band))


def _saturated(outputs: NDArray[np.float32]) -> NDArray[np.bool_]:
    top = outputs.max(axis=1)
    return np.asarray((top > 1 - EDGE) | (top < EDGE))

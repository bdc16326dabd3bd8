"""On the driver: which low precision a cascade asks first, and how close its answer must be for f32 to be asked again.

A label can only flip where the two precisions differ by more than the margin of the decision: the lead of the winning
label over the next, in logits. In logits, because there the difference is of one size from end to end; in
probabilities it is a hundred times larger where the sigmoid is steep than at its ends, where most images are. So every
image tells something about the few near the decision.

    band = max(6 * rms, largest difference seen)

rms is that of the differences in margin between the low precision and f32 over the calibration images. It varies little
from sample to sample, where the largest of 300 alone would vary by a factor of two. The factor 6 is for a tail longer
than a normal one. No image of the sample flips; for others the band is an estimate: docs/decisions.md says what it was
worth on 3,000 photos. Of several low precisions the one is taken with which an image is expected to cost least.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.engines import Engine, EngineChoice, open_engine
from image_scoring.model.engines.cascade import EDGE, RECHECK_ONE_IN, logits_of, margins_of
from image_scoring.model.model_store import calibration_file, quantized
from image_scoring.model.precision.quantization import quantize_once
from image_scoring.model.spec import ModelSpec
from image_scoring.model.spread_images import SPREAD_IMAGES
from image_scoring.model.versions import versions
from run_contract.files import read_json, write_json

log = logging.getLogger(__name__)

LOW_PRECISIONS = ("int8", "bf16")
FEWEST_IMAGES = 100
# One image in so many shows the quantizer the ranges, within so many bytes; the band is measured on the others.
RANGES_ONE_IN = 4
RANGES_BYTES = 200e6
TAIL = 6.0
# Images held in memory at once.
BATCH = 16
# The cascade is for speed: one that is not expected to take less than this share of f32's time is not used.
WORTH_IT = 0.9


class NotCalibrated(Exception):
    """Why a cascade does not fit this model, these images or this machine."""


@dataclass(frozen=True)
class Calibration:
    """low: the precision that is asked first. images: how many it rests on. band: in logits. share: of them inside it.

    low_cost: seconds of an image in the low precision over those in f32.
    """

    low: str
    images: int
    band: float
    share: float
    low_cost: float

    @property
    def cost(self) -> float:
        """The expected seconds of an image in the cascade over those in f32."""
        return self.low_cost + self.share + (1 - self.share) / RECHECK_ONE_IN

    def __str__(self) -> str:
        return f"{self.low} takes {self.low_cost:.0%} of f32's time and f32 would decide {self.share:.1%} of the images"


def calibrate(model_xml: Path, spec: ModelSpec, images: Iterable[NDArray[np.float32]]) -> Calibration:
    """The calibration of a converted model, from the file beside it when it was made for the same setting.

    images: preprocessed images (height, width, 3), looped over several times, and not at all if they are not needed.
    Raises NotCalibrated.
    """
    from image_scoring.model.engines.openvino_engine import is_native

    native = [low for low in LOW_PRECISIONS if is_native(low)]
    if not native:
        raise NotCalibrated(f"the CPU of the driver has no {' and no '.join(LOW_PRECISIONS)}")
    setting = setting_of(spec)
    record = calibration_file(model_xml.parent)
    known = _known(record, setting, native, model_xml)
    if known:
        log.info("model %s: already calibrated", spec.name)
        return known
    best = _cheapest(model_xml, spec, native, images)
    write_json(record, {"setting": setting, "calibration": asdict(best)})
    log.info(
        "model %s: calibrated on %d images; %s, up to a margin of %.2f logits", spec.name, best.images, best, best.band
    )
    return best


def setting_of(spec: ModelSpec) -> dict[str, Any]:
    """What a calibration holds for."""
    from image_scoring.model.engines.openvino_engine import platform_of_outputs

    fed = {"preprocessing": spec.preprocessing, "threshold": spec.threshold}
    return {**platform_of_outputs(), **versions(("nncf",)), **fed}


def _known(record: Path, setting: dict[str, Any], native: list[str], model_xml: Path) -> Calibration | None:
    known: dict[str, Any] | None = read_json(record)
    if known is None or known["setting"] != setting:
        return None
    found = Calibration(**known["calibration"])
    is_there = found.low != "int8" or quantized(model_xml).exists()
    return found if found.low in native and is_there else None


def _cheapest(
    model_xml: Path, spec: ModelSpec, native: list[str], images: Iterable[NDArray[np.float32]]
) -> Calibration:
    """Of those that pay. A precision that cannot be had or measured leaves the choice to the others."""
    check_enough(images)
    high = open_engine(EngineChoice("openvino", "f32", str(model_xml)))
    found, reasons = [], []
    for name in native:
        if name == "int8" and not _can_quantize(model_xml, spec, images):
            continue
        low = open_engine(EngineChoice("openvino", name, str(model_xml)))
        try:
            measured = measure(name, low, high, held_out(images), spec.threshold)
        except NotCalibrated as reason:
            reasons.append(str(reason))
            continue
        if measured.cost <= WORTH_IT:
            found.append(measured)
        else:
            reasons.append(str(measured))
    if not found:
        raise NotCalibrated("; ".join(reasons) or "there is no precision to ask first")
    return min(found, key=lambda each: each.cost)


def _can_quantize(model_xml: Path, spec: ModelSpec, images: Iterable[NDArray[np.float32]]) -> bool:
    try:
        quantize_once(model_xml, images_for_ranges(images, spec))
    except Exception as error:  # a quantizer can fail in any way, or not be installed; int8 is only for speed
        cause = " ".join(str(error).split())[:200]
        log.warning("model %s: it cannot be quantized to int8 (%s); going on without", spec.name, cause)
        return False
    return True


def check_enough(images: Iterable[NDArray[np.float32]]) -> None:
    """Raises NotCalibrated when too few of them can be measured on."""
    count = sum(1 for _ in held_out(images))
    if count < FEWEST_IMAGES:
        raise NotCalibrated(f"only {count} images can be decoded to measure it on, it takes {FEWEST_IMAGES}")


def images_for_ranges(images: Iterable[NDArray[np.float32]], spec: ModelSpec) -> Iterator[NDArray[np.float32]]:
    """For the quantizer: every RANGES_ONE_IN-th, or fewer, as evenly spread, where RANGES_BYTES hold no more."""
    wanted = SPREAD_IMAGES / RANGES_ONE_IN * math.prod(spec.input_size) * 3 * np.float32().itemsize
    return islice(images, RANGES_ONE_IN - 1, None, RANGES_ONE_IN * math.ceil(wanted / RANGES_BYTES))


def held_out(images: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Those that the quantizer has never seen: on the others int8 could look better than it is."""
    return (image for number, image in enumerate(images, 1) if number % RANGES_ONE_IN)


def measure(
    name: str, low: Engine, high: Engine, images: Iterable[NDArray[np.float32]], threshold: float
) -> Calibration:
    """Asks both engines about all images, BATCH by BATCH, by turns. name: the precision of `low`.

    Raises NotCalibrated when too few of them tell anything.
    """
    low_outputs: list[NDArray[np.float32]] = []
    high_outputs: list[NDArray[np.float32]] = []
    costs: list[float] = []
    for batch in batches(images):
        if not low_outputs:  # the first call of an engine allocates
            low.predict(batch[:1]), high.predict(batch[:1])
        start = time.perf_counter()
        low_outputs.append(low.predict(batch))
        middle = time.perf_counter()
        high_outputs.append(high.predict(batch))
        costs.append((middle - start) / (time.perf_counter() - middle))
    band, share = band_of(np.concatenate(low_outputs), np.concatenate(high_outputs), threshold)
    # The median: another process may take the core for a moment.
    return Calibration(name, sum(map(len, low_outputs)), band, share, float(np.median(costs)))


def band_of(low: NDArray[np.float32], high: NDArray[np.float32], threshold: float) -> tuple[float, float]:
    """The band in logits, and the share of the images inside it, for outputs (n, k) of the same images.

    Images on which both precisions are too sure for a float32 to say how sure are left out: they would make the
    difference look small. Raises NotCalibrated when fewer than FEWEST_IMAGES are left.
    """
    telling = ~(_saturated(low) & _saturated(high))
    if telling.sum() < FEWEST_IMAGES:
        raise NotCalibrated(
            f"only {telling.sum()} of {len(low)} images have a probability that is not 0 or 1, it takes "
            f"{FEWEST_IMAGES} to calibrate"
        )
    logits = logits_of(low, threshold)
    labels = logits.argmax(axis=1)
    margins = margins_of(logits, labels)
    difference = np.abs(margins - margins_of(logits_of(high, threshold), labels))[telling]
    band = max(TAIL * float(np.sqrt(np.mean(difference**2))), float(difference.max()))
    if not np.isfinite(band):
        raise NotCalibrated("an output in the low precision is not a number")
    return band, float(np.mean(margins <= band))


def _saturated(outputs: NDArray[np.float32]) -> NDArray[np.bool_]:
    top = outputs.max(axis=1)
    return np.asarray((top > 1 - EDGE) | (top < EDGE))


def batches(images: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Arrays (n, height, width, 3), 1 <= n <= BATCH."""
    images = iter(images)
    while batch := list(islice(images, BATCH)):
        yield np.stack(batch)

"""What the measurements of the low precisions share: their conditions, their images and the reason to refuse one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.sample_images import CALIBRATION_IMAGES
from image_scoring.model.spec import ModelSpec
from image_scoring.model.versions import versions

MIN_IMAGES = 100
# One image in QUANTIZER_ONE_IN is for the quantizer, as far as QUANTIZER_BYTES hold them; the others are measured on.
QUANTIZER_ONE_IN = 4
QUANTIZER_BYTES = 200e6
# Images held in memory at once.
BATCH = 16


class PrecisionRefused(Exception):
    """The reason why a precision is not used for this model, these images or this machine."""


@dataclass(frozen=True)
class Conditions:
    """What a measurement is valid for; under other conditions it is made again.

    cpu: its model name. versions: of the libraries. threshold: of the model's spec.
    """

    cpu: str
    versions: Mapping[str, str]
    preprocessing: str
    threshold: float


def present_conditions(spec: ModelSpec) -> Conditions:
    """Return the conditions on this machine."""
    from image_scoring.model.engines.openvino_engine import cpu_name

    return Conditions(cpu_name(), versions(("openvino", "nncf")), spec.preprocessing, spec.threshold)


def check_enough_images(images: Iterable[NDArray[np.float32]]) -> None:
    """Raise PrecisionRefused when there are too few images to measure on."""
    count = sum(1 for _ in measurement_images(images))
    if count < MIN_IMAGES:
        raise PrecisionRefused(f"only {count} images can be decoded to measure it on, at least {MIN_IMAGES} are needed")


def quantizer_images(images: Iterable[NDArray[np.float32]], spec: ModelSpec) -> Iterator[NDArray[np.float32]]:
    """Return every QUANTIZER_ONE_IN-th image, for the quantizer; fewer, evenly spaced, to stay in QUANTIZER_BYTES."""
    size = CALIBRATION_IMAGES / QUANTIZER_ONE_IN * math.prod(spec.input_size) * 3 * np.float32().itemsize
    return islice(images, QUANTIZER_ONE_IN - 1, None, QUANTIZER_ONE_IN * math.ceil(size / QUANTIZER_BYTES))


def measurement_images(images: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Return the images that the quantizer does not see: on the others int8 could look better than it is."""
    return (image for number, image in enumerate(images, 1) if number % QUANTIZER_ONE_IN)


def batches(images: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Yield the images in arrays (n, height, width, 3), 1 <= n <= BATCH."""
    images = iter(images)
    while batch := list(islice(images, BATCH)):
        yield np.stack(batch)

"""Inference engines behind one small interface: an array of images in, an array of outputs out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

# The largest difference of an output that still counts as the same model. In bf16 the outputs of one photo in a hundred
# differ by more than 0.1: there it tells a wrong model from a right one, and no more.
TOLERANCE = {"f32": 1e-3, "bf16": 0.25, "int8": 0.25, "cascade": 0.25}


@dataclass(frozen=True)
class Counts:
    """What a cascade did. Engines without one count nothing.

    images: all that it was asked about. rerun: those inside the band, whose f32 outputs were taken.
    rechecked: those outside it that went through f32 too. flips: those among them whose label was another in f32.
    """

    images: int = 0
    rerun: int = 0
    rechecked: int = 0
    flips: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.images + other.images,
            self.rerun + other.rerun,
            self.rechecked + other.rechecked,
            self.flips + other.flips,
        )


class Engine(Protocol):
    """One loaded model. Not thread safe: one per Python worker."""

    @property
    def batch_size(self) -> int:
        """How many images at a time it likes best; it takes any number."""
        ...

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs (n, k) for preprocessed images (n, height, width, 3); both float32."""
        ...

    def take_counts(self) -> Counts:
        """The counts since the last call."""
        ...


@dataclass(frozen=True)
class EngineChoice:
    """What the driver decided: small enough to travel with every task.

    path: for "openvino" the converted model.xml, for "tensorflow" the Keras file.
    band: of precision "cascade", the margin in logits up to which f32 decides. threshold: the spec's.
    low: of precision "cascade", the precision that is asked first; one of calibrate.LOW_PRECISIONS.
    agreement: of precision "int8", the share of images measured on the driver whose label is that of f32.
    """

    name: str
    precision: str
    path: str
    band: float | None = None
    threshold: float = 0.5
    low: str = "bf16"
    agreement: float | None = None

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those that the model is opened in."""
        return (self.precision,) if self.band is None else (self.low, "f32")


def open_engine(choice: EngineChoice) -> Engine:
    """Loads the engine. Its framework is imported here, so that a worker imports only the one it uses."""
    if choice.name == "tensorflow":
        from image_scoring.model.engines.tensorflow_engine import TensorFlowEngine

        return TensorFlowEngine(Path(choice.path))
    from image_scoring.model.engines.openvino_engine import OpenVinoEngine, is_native

    path = Path(choice.path)
    if choice.band is None:
        return OpenVinoEngine(path, choice.precision)
    if not is_native(choice.low):  # each worker looks for itself: machines of a cluster differ
        log.warning(
            "precision cascade: the CPU of this worker has no %s; it uses f32 alone, the labels are the same",
            choice.low,
        )
        return OpenVinoEngine(path, "f32")
    from image_scoring.model.engines.cascade import CascadeEngine

    return CascadeEngine(OpenVinoEngine(path, choice.low), OpenVinoEngine(path, "f32"), choice.band, choice.threshold)

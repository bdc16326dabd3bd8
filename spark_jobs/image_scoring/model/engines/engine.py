"""The interface of an inference engine: an array of images in, an array of outputs out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The largest difference of an output that still counts as the same model. In bf16 the outputs of one photo in a hundred
# differ by more than 0.1: there the tolerance only separates the right model from a wrong one.
TOLERANCE = {"f32": 1e-3, "bf16": 0.25, "int8": 0.25, "cascade": 0.25}


@dataclass(frozen=True)
class EngineChoice:
    """The engine that the driver chose; small enough to travel with every Spark task.

    name: "openvino" or "tensorflow". precision: one of run_contract.arguments.PRECISIONS.
    path: of the converted model.xml for "openvino", of the Keras file for "tensorflow".
    band: only for precision "cascade": the margin in logits up to which f32 decides. threshold: of the model's spec.
    low: only for precision "cascade": the precision that predicts first, int8 or bf16.
    agreement: only for precision "int8": the share of a sample whose label is that of f32.
    sha256: only for "tensorflow": of the Keras file; None accepts any content that passes the safety check.
    """

    name: str
    precision: str
    path: str
    band: float | None = None
    threshold: float = 0.5
    low: str = "bf16"
    agreement: float | None = None
    sha256: str | None = None

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions that the model is opened in."""
        return (self.precision,) if self.band is None else (self.low, "f32")


@dataclass(frozen=True)
class EngineCounts:
    """What a cascade did; other engines leave all counts at 0.

    images: predicted. rerun: inside the band, so that the f32 outputs were taken.
    rechecked: outside the band and predicted in f32 too. flips: of the rechecked ones, those with another label in f32.
    """

    images: int = 0
    rerun: int = 0
    rechecked: int = 0
    flips: int = 0

    def __add__(self, other: EngineCounts) -> EngineCounts:
        return EngineCounts(
            self.images + other.images,
            self.rerun + other.rerun,
            self.rechecked + other.rechecked,
            self.flips + other.flips,
        )


class Engine(Protocol):
    """A loaded model. Not thread safe: each Python worker has its own."""

    @property
    def batch_size(self) -> int:
        """The number of images at a time that is fastest; `predict` takes any number."""
        ...

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the outputs (n, k) for preprocessed images (n, height, width, 3); both float32."""
        ...

    def take_counts(self) -> EngineCounts:
        """Return the counts since the last call."""
        ...

"""Inference engines behind one small interface: an array of images in, an array of outputs out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Engine(Protocol):
    """One loaded model. Not thread safe: one per Python worker."""

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs (n, k) for preprocessed images (n, height, width, 3); both float32."""
        ...


@dataclass(frozen=True)
class EngineChoice:
    """What the driver decided: small enough to travel with every task.

    path: for "openvino" the converted model.xml, for "tensorflow" the Keras file.
    """

    name: str
    precision: str
    path: str


def open_engine(choice: EngineChoice) -> Engine:
    """Loads the engine. Its framework is imported here, so that a worker imports only the one it uses."""
    if choice.name == "openvino":
        from image_scoring.engines.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(Path(choice.path), choice.precision)
    from image_scoring.engines.tensorflow_engine import TensorFlowEngine

    return TensorFlowEngine(Path(choice.path))

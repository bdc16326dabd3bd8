"""Open the engine that the driver chose."""

from __future__ import annotations

import logging
from pathlib import Path

from image_scoring.model.engines.engine import Engine, EngineChoice

log = logging.getLogger(__name__)


def open_engine(choice: EngineChoice) -> Engine:
    """Load the model into its engine.

    Imports the framework of this engine only, so that a worker with OpenVINO imports no TensorFlow. On a machine whose
    CPU lacks the low precision of a cascade, opens f32 alone, with a warning.
    """
    path = Path(choice.path)
    if choice.name == "tensorflow":
        from image_scoring.model.engines.tensorflow_engine import TensorFlowEngine

        return TensorFlowEngine(path, choice.sha256)
    from image_scoring.model.engines.openvino_engine import OpenVinoEngine, is_native

    if choice.band is None:
        return OpenVinoEngine(path, choice.precision)
    if not is_native(choice.low):  # the machines of a cluster can differ
        log.warning(
            "precision cascade: the CPU of this worker has no %s; using f32 alone, which gives the same labels",
            choice.low,
        )
        return OpenVinoEngine(path, "f32")
    from image_scoring.model.engines.cascade import CascadeEngine

    return CascadeEngine(OpenVinoEngine(path, choice.low), OpenVinoEngine(path, "f32"), choice.band, choice.threshold)

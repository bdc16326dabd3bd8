"""This project's image reading and engine as one object, for contenders that bring a scheduler of their own."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np

from image_scoring.images.loading import load_image
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.output_labels import labels_of
from image_scoring.model.spec import load_spec


class Classifier:
    """One loaded model for one core: make one in each process.

    model: the Keras file, for its spec; model_xml: the same converted to OpenVINO.
    """

    def __init__(self, model: str, model_xml: str, precision: str = "f32") -> None:
        self._spec, _ = load_spec(Path(model))
        self._engine = open_engine(EngineChoice("openvino", precision, model_xml))

    def label(self, path: str) -> str:
        image = load_image(os.fsencode(path), self._spec.input_size, self._spec.preprocessing)
        outputs = self._engine.predict(image[np.newaxis])
        return str(labels_of(outputs, self._spec)[0][0])


@cache
def cached_classifier(model: str, model_xml: str) -> Classifier:
    """One load in each process, for schedulers that only know functions."""
    return Classifier(model, model_xml)

"""Keras itself: the reference that others are checked against, and the fallback."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from image_scoring.gate import refuse

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def load_keras(model: Path) -> Any:
    """The Keras model in `model`, which has passed `gate.check_model_safe`. Raises BatchPredictionsError."""
    keras = _library_for(model)
    try:
        return keras.models.load_model(model, compile=False)
    except Exception as error:  # Keras raises whatever the broken part raised
        cause = " ".join(str(error).split())[:200]
        raise refuse(
            model, f"{keras.__name__} {keras.__version__} cannot load it ({type(error).__name__}: {cause})"
        ) from error


def _library_for(model: Path) -> ModuleType:
    """Keras 3 does not read the .h5 files that Keras 2 wrote; tf_keras is Keras 2, kept alive."""
    if h5py.is_hdf5(model):
        with h5py.File(model, "r") as file:
            if str(file.attrs.get("keras_version", "")).startswith("2."):
                return import_module("tf_keras")
    return import_module("keras")


class TensorFlowEngine:
    def __init__(self, model: Path) -> None:
        self._model = load_keras(model)

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._model(images, training=False), dtype=np.float32)

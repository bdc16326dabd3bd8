"""Keras itself: the reference that others are checked against, and the fallback."""

from __future__ import annotations

import json
import os
import zipfile
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from image_scoring.model.engines import Counts
from image_scoring.model.safety import refuse

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


def computes_in_half(model: Any) -> bool:
    """Whether a layer of a Keras model computes in 16 bits, as under a mixed-precision policy."""
    return any(
        computes_in_half(layer) if hasattr(layer, "layers") else layer.compute_dtype in ("float16", "bfloat16")
        for layer in model.layers
    )


def _library_for(model: Path) -> ModuleType:
    """The Keras that wrote the file, as 2 and 3 do not read each other's; tf_keras is Keras 2, kept alive."""
    version, config = _read_header(model)
    major = version.split(".")[0]
    if major not in ("2", "3"):  # other programs leave the version out, or write their own
        major = "2" if '"batch_input_shape"' in config else "3"  # Keras 3 calls it batch_shape
    return import_module("tf_keras" if major == "2" else "keras")


def _read_header(model: Path) -> tuple[str, str]:
    """The version of Keras that the file names, or any other text, and the model's config as JSON."""
    if h5py.is_hdf5(model):
        with h5py.File(model, "r") as file:
            return _text(file.attrs.get("keras_version")), _text(file.attrs["model_config"])
    with zipfile.ZipFile(model) as archive:
        try:
            version = json.loads(archive.read("metadata.json"))["keras_version"]
        except (KeyError, TypeError, ValueError):
            version = None
        return _text(version), _text(archive.read("config.json"))


def _text(value: Any) -> str:
    """An attribute of HDF5 is text or bytes, as the writer liked."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


class TensorFlowEngine:
    batch_size = 32

    def __init__(self, model: Path) -> None:
        self._model = load_keras(model)

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        # A batch of one takes another path through the arithmetic: its last bits would differ from those among others.
        batch = images if len(images) > 1 else np.repeat(images, 2, axis=0)
        return np.asarray(self._model(batch, training=False), dtype=np.float32)[: len(images)]

    def take_counts(self) -> Counts:
        return Counts()

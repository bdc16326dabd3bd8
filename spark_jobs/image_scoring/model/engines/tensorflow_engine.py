"""Keras itself: the reference for the converted model, and the fallback."""

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

from image_scoring.model.engines.engine import EngineCounts
from image_scoring.model.safety import refuse

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def load_keras(model: Path) -> Any:
    """Load a Keras file that has passed `safety.check_model_safe`. Raises BatchPredictionsError."""
    keras = _library_for(model)
    try:
        return keras.models.load_model(model, compile=False)
    except Exception as error:  # a broken part of the file can raise anything
        cause = " ".join(str(error).split())[:200]
        raise refuse(
            model, f"{keras.__name__} {keras.__version__} cannot load it ({type(error).__name__}: {cause})"
        ) from error


def computes_in_half(model: Any) -> bool:
    """Return whether a layer of a Keras model computes in 16 bits, as under a mixed-precision policy."""
    return any(
        computes_in_half(layer) if hasattr(layer, "layers") else layer.compute_dtype in ("float16", "bfloat16")
        for layer in model.layers
    )


def _library_for(model: Path) -> ModuleType:
    """Return the Keras that wrote the file, because Keras 2 and 3 cannot read each other's; tf_keras is Keras 2."""
    version, config = _read_header(model)
    major = version.split(".")[0]
    if major not in ("2", "3"):  # other programs write no version, or their own
        major = "2" if '"batch_input_shape"' in config else "3"  # Keras 3 calls it batch_shape
    return import_module("tf_keras" if major == "2" else "keras")


def _read_header(model: Path) -> tuple[str, str]:
    """Return the Keras version in the file, or any other text that is there, and the model's config as JSON."""
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
    """Return an HDF5 attribute as text; writers store text or bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


class TensorFlowEngine:
    """Runs a Keras model with the Keras that wrote it."""

    batch_size = 32

    def __init__(self, model: Path) -> None:
        """Load a Keras file. Raises BatchPredictionsError."""
        self._model = load_keras(model)

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the outputs (n, k) for preprocessed images (n, height, width, 3)."""
        # TensorFlow computes a batch of one in another way, so that the last bits would differ from those in a batch.
        batch = images if len(images) > 1 else np.repeat(images, 2, axis=0)
        return np.asarray(self._model(batch, training=False), dtype=np.float32)[: len(images)]

    def take_counts(self) -> EngineCounts:
        """Return no counts."""
        return EngineCounts()

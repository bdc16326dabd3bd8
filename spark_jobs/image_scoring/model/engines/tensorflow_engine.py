"""Keras itself: the reference for the converted model, and the fallback."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.declared_sizes import DeclaresTooMuch, check_values
from image_scoring.model.engines.engine import EngineCounts
from image_scoring.model.model_file import refuse
from image_scoring.model.safety import CheckedModel, checked_copy

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def load_keras(model: Path, sha256: str | None = None) -> Any:
    """Load a Keras file after the safety check of exactly the bytes that are loaded. Raises BatchPredictionsError.

    sha256: of the expected content; None accepts any.
    """
    with checked_copy(model, sha256) as checked:
        keras = _library_for(checked)
        weights = _Weights(checked.values)
        try:
            loaded = weights.count(lambda: keras.models.load_model(checked.path, compile=False))
        except Exception as error:  # a broken part of the file can raise anything
            cause = " ".join(str(error).split())[:200]
            unable = f"{keras.__name__} {keras.__version__} cannot load it ({type(error).__name__}: {cause})"
            raise refuse(model, str(weights.error or unable)) from error
        if weights.error:  # Keras goes on without a layer that it cannot build
            raise refuse(model, str(weights.error))
        if not getattr(loaded, "built", False):  # the first images would create weights that nobody has counted
            raise refuse(model, "its layers do not state the size of their input")
        return loaded


class _Weights:
    """Counts the values of the weights that Keras creates, and stops it before it takes memory for too many."""

    def __init__(self, stored: int) -> None:
        self._stored, self._declared = stored, 0
        self.error: DeclaresTooMuch | None = None

    def count(self, load: Callable[[], Any]) -> Any:
        """Return what `load` returns. Raises DeclaresTooMuch, or what Keras makes of it."""
        import tensorflow as tf

        with tf.variable_creator_scope(self._create):
            return load()

    def _create(self, create: Callable[..., Any], **arguments: Any) -> Any:
        self._declared += math.prod(_shape_of(arguments["initial_value"], arguments.get("shape")))
        try:
            check_values(self._declared, self._stored)
        except DeclaresTooMuch as error:
            self.error = error
            raise
        return create(**arguments)


def _shape_of(initial_value: Any, shape: Any) -> tuple[int, ...]:
    """Return the shape of a variable that is about to be created; a function is traced, which computes nothing."""
    import tensorflow as tf

    if shape is not None and (known := tf.TensorShape(shape)).is_fully_defined():
        return tuple(known)
    if callable(initial_value):
        return tuple(tf.function(initial_value).get_concrete_function().output_shapes)
    return tuple(np.shape(initial_value))


def computes_in_half(model: Any) -> bool:
    """Return whether a layer of a Keras model computes in 16 bits, as under a mixed-precision policy."""
    return any(
        computes_in_half(layer) if hasattr(layer, "layers") else layer.compute_dtype in ("float16", "bfloat16")
        for layer in model.layers
    )


def _library_for(model: CheckedModel) -> ModuleType:
    """Return the Keras that wrote the file, because Keras 2 and 3 cannot read each other's; tf_keras is Keras 2."""
    major = model.version.split(".")[0]
    if major not in ("2", "3"):  # other programs write no version, or their own
        major = "2" if '"batch_input_shape"' in model.config else "3"  # Keras 3 calls it batch_shape
    return import_module("tf_keras" if major == "2" else "keras")


class TensorFlowEngine:
    """Runs a Keras model with the Keras that wrote it."""

    batch_size = 32

    def __init__(self, model: Path, sha256: str | None = None) -> None:
        """Load a Keras file after the safety check; see load_keras. Raises BatchPredictionsError."""
        self._model = load_keras(model, sha256)

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the outputs (n, k) for preprocessed images (n, height, width, 3)."""
        # TensorFlow computes a batch of one in another way, so that the last bits would differ from those in a batch.
        batch = images if len(images) > 1 else np.repeat(images, 2, axis=0)
        return np.asarray(self._model(batch, training=False), dtype=np.float32)[: len(images)]

    def take_counts(self) -> EngineCounts:
        """Return no counts."""
        return EngineCounts()

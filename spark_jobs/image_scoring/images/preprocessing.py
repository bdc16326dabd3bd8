"""Scale an image's pixels to what a model was trained on, bit for bit as Keras does it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def preprocess(pixels: NDArray[np.uint8], mode: str, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """float32 array of the same shape, as `keras.applications.imagenet_utils.preprocess_input` makes it.

    out: where to write it, else new memory.
    Formulas: github.com/keras-team/keras, keras/src/applications/imagenet_utils.py; "rescale" is x / 255.
    """
    x = np.empty(pixels.shape, np.float32) if out is None else out
    x[...] = pixels[..., ::-1] if mode == "caffe" else pixels
    if mode == "tf":
        x /= np.float32(127.5)
        x -= np.float32(1.0)
    elif mode == "torch":
        x /= np.float32(255.0)
        x -= np.array([0.485, 0.456, 0.406], dtype=np.float32)
        x /= np.array([0.229, 0.224, 0.225], dtype=np.float32)
    elif mode == "caffe":
        x -= np.array([103.939, 116.779, 123.68], dtype=np.float32)
    elif mode == "rescale":
        x /= np.float32(255.0)
    elif mode != "none":
        raise ValueError(f"unknown preprocessing {mode!r}")
    return x

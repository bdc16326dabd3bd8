"""Scale an image's pixels to what a model was trained on, bit for bit as Keras does it."""

from __future__ import annotations

from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from image_scoring.images.preprocessing_mode import Preprocessing

TORCH_MEAN, TORCH_STD = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], dtype=np.float32)
CAFFE_MEAN = np.array([103.939, 116.779, 123.68], dtype=np.float32)


def preprocess(
    pixels: NDArray[np.uint8], mode: Preprocessing, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return the scaled pixels as a float32 array of the same shape (..., 3).

    out: array to fill and return instead of a new one.
    Formulas: github.com/keras-team/keras, keras/src/applications/imagenet_utils.py; rescale is x / 255.
    """
    x = np.empty(pixels.shape, np.float32) if out is None else out
    x[...] = pixels[..., ::-1] if mode == Preprocessing.CAFFE else pixels
    match mode:
        case Preprocessing.TF:
            x /= np.float32(127.5)
            x -= np.float32(1.0)
        case Preprocessing.TORCH:
            x /= np.float32(255.0)
            x -= TORCH_MEAN
            x /= TORCH_STD
        case Preprocessing.CAFFE:
            x -= CAFFE_MEAN
        case Preprocessing.RESCALE:
            x /= np.float32(255.0)
        case Preprocessing.NONE:
            pass
        case _:
            assert_never(mode)
    return x

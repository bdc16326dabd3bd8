"""Load an image as a model takes it: read, decode, resize and scale it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from image_scoring.images.decoding import decode_image
from image_scoring.images.preprocessing import preprocess
from image_scoring.images.preprocessing_mode import Preprocessing
from image_scoring.images.reading import read_file


def load_image(
    path: bytes,
    input_size: tuple[int, int],
    preprocessing: Preprocessing,
    size_bytes: int | None = None,
    modified_ns: int | None = None,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the preprocessed image, a float32 array (height, width, 3).

    input_size: height and width in pixels. size_bytes, modified_ns: as the manifest recorded them; None accepts any
    file. out: array to fill and return instead of a new one; unchanged on an error. Raises ImageError.
    """
    pixels = decode_image(read_file(path, size_bytes, modified_ns), input_size)
    return preprocess(pixels, preprocessing, out)

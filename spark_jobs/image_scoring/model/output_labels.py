"""From a model's outputs to labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.spec import ModelSpec


def labels_of(outputs: NDArray[np.float32], spec: ModelSpec) -> tuple[NDArray[np.object_], NDArray[np.float32]]:
    """Labels (n,) and probabilities (n,) for outputs (n, k).

    One sigmoid (k = 1): the positive label above the threshold; the probability is that of the positive label.
    Several outputs: the label of the largest; the probability is its own.
    """
    names = np.array(spec.labels, dtype=object)
    if outputs.shape[1] == 1:
        probabilities = outputs[:, 0]
        # In float32, as the outputs are: 0.7 as a double is another number than 0.7 as a float.
        return names[(probabilities > np.float32(spec.threshold)).astype(int)], probabilities
    return names[outputs.argmax(axis=1)], outputs.max(axis=1)

"""Turn a model's outputs into labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.spec import ModelSpec


def labels_of(outputs: NDArray[np.float32], spec: ModelSpec) -> tuple[NDArray[np.object_], NDArray[np.float32]]:
    """Return the labels (n,) and probabilities (n,) for outputs (n, k).

    One sigmoid output (k = 1): the positive label above the threshold, otherwise the negative one; the probability is
    that of the positive label. Several outputs: the label with the largest output; the probability is that output.
    """
    names = np.array(spec.labels, dtype=object)
    if outputs.shape[1] == 1:
        probabilities = outputs[:, 0]
        # The threshold as float32, like the outputs: 0.7 as a double is a different number.
        return names[(probabilities > np.float32(spec.threshold)).astype(int)], probabilities
    return names[outputs.argmax(axis=1)], outputs.max(axis=1)

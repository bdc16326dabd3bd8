"""The cascade: predict in a low precision, and again in f32 where the decision is close."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.engines.engine import Engine, EngineCounts

# Closer to 0 or 1 than this, float32 probabilities are too coarse to compare their logits.
EDGE = 1e-6
# One image in RECHECK_ONE_IN outside the band is predicted in f32 too, to check that the band is wide enough.
RECHECK_ONE_IN = 100
HASHED_VALUES = 1024


def logits_of(outputs: NDArray[np.float32], threshold: float) -> NDArray[np.float64]:
    """Return one number per label (n, k) for outputs (n, k); the largest decides.

    Several outputs: the logarithms of the probabilities. One sigmoid output: two columns, 0 for the negative label and
    logit(p) - logit(threshold) for the positive one.
    """
    p = np.clip(outputs.astype(np.float64), EDGE, 1 - EDGE)
    if outputs.shape[1] > 1:
        return np.asarray(np.log(p))
    t = np.clip(threshold, EDGE, 1 - EDGE)
    positive = np.log(p / (1 - p)) - np.log(t / (1 - t))
    return np.concatenate([np.zeros_like(positive), positive], axis=1)


def margins_of(logits: NDArray[np.float64], labels: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the lead (n,) of each row's label (n,) over the best other label; negative when it is behind."""
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    others = logits.copy()
    np.put_along_axis(others, labels[:, None], -np.inf, axis=1)
    return np.asarray(own[:, 0] - others.max(axis=1))


class CascadeEngine:
    """Predicts with `low`, and with `high` every image whose margin in `low` is at most `band` logits.

    The output of an image depends on the image alone and not on its batch: the images to recheck are chosen by their
    content.
    """

    batch_size = 16  # large enough that computing the margins costs nothing beside the model

    def __init__(self, low: Engine, high: Engine, band: float, threshold: float) -> None:
        self._low, self._high = low, high
        self._band, self._threshold = band, threshold
        self._counts = EngineCounts()

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the outputs (n, k) for preprocessed images (n, height, width, 3)."""
        outputs = self._low.predict(images)
        logits = logits_of(outputs, self._threshold)
        labels = logits.argmax(axis=1)
        certain = margins_of(logits, labels) > self._band  # a margin that is NaN must count as uncertain
        checked = certain & np.array([_is_rechecked(image) for image in images])
        again = np.flatnonzero(~certain | checked)
        flips = 0
        if len(again):
            exact = self._high.predict(images[again])
            changed = logits_of(exact, self._threshold).argmax(axis=1) != labels[again]
            flips = int(np.sum(changed & certain[again]))
            taken = ~certain[again] | changed
            outputs[again[taken]] = exact[taken]
        self._counts += EngineCounts(len(images), int(np.sum(~certain)), int(np.sum(checked)), flips)
        return outputs

    def take_counts(self) -> EngineCounts:
        """Return the counts since the last call."""
        counts, self._counts = self._counts, EngineCounts()
        return counts


def _is_rechecked(image: NDArray[np.float32]) -> bool:
    values = image.reshape(-1)
    sample = values[:: 1 + values.size // HASHED_VALUES]
    return zlib.crc32(sample.tobytes()) % RECHECK_ONE_IN == 0

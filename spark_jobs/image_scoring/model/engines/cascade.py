"""Low precision first; f32 again where the decision is close."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.engines import Counts, Engine

# A float32 sigmoid cannot tell probabilities closer to 1 than this apart well enough to compare their logits.
EDGE = 1e-6
# One image in so many outside the band goes through f32 as well, to see whether the band is wide enough.
RECHECK_ONE_IN = 100
SAMPLED_VALUES = 1024


def logits_of(outputs: NDArray[np.float32], threshold: float) -> NDArray[np.float64]:
    """One number (n, k) per label, the largest wins: log-probabilities of several outputs (n, k).

    For one sigmoid output k is 2: 0 for the negative label, logit(p) - logit(threshold) for the positive one.
    """
    p = np.clip(outputs.astype(np.float64), EDGE, 1 - EDGE)
    if outputs.shape[1] > 1:
        return np.asarray(np.log(p))
    t = np.clip(threshold, EDGE, 1 - EDGE)
    positive = np.log(p / (1 - p)) - np.log(t / (1 - t))
    return np.concatenate([np.zeros_like(positive), positive], axis=1)


def margins_of(logits: NDArray[np.float64], labels: NDArray[np.intp]) -> NDArray[np.float64]:
    """How far each row's label (n,) is ahead of the best other one; negative when it is behind."""
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    others = logits.copy()
    np.put_along_axis(others, labels[:, None], -np.inf, axis=1)
    return np.asarray(own[:, 0] - others.max(axis=1))


class CascadeEngine:
    """The outputs of `low`, but those of `high` for every image whose margin in `low` is at most `band` logits.

    An image's output depends on nothing but the image, whatever it is batched with: the choice of the images to
    check again is made from their content.
    """

    batch_size = 16  # so that the arithmetic of the margins costs nothing beside the model's

    def __init__(self, low: Engine, high: Engine, band: float, threshold: float) -> None:
        self._low, self._high = low, high
        self._band, self._threshold = band, threshold
        self._counts = Counts()

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs = self._low.predict(images)
        logits = logits_of(outputs, self._threshold)
        labels = logits.argmax(axis=1)
        certain = margins_of(logits, labels) > self._band  # not the other way round: NaN must count as uncertain
        checked = certain & np.array([_is_rechecked(image) for image in images])
        again = np.flatnonzero(~certain | checked)
        flips = 0
        if len(again):
            exact = self._high.predict(images[again])
            changed = logits_of(exact, self._threshold).argmax(axis=1) != labels[again]
            flips = int(np.sum(changed & certain[again]))
            taken = ~certain[again] | changed
            outputs[again[taken]] = exact[taken]
        self._counts += Counts(len(images), int(np.sum(~certain)), int(np.sum(checked)), flips)
        return outputs

    def take_counts(self) -> Counts:
        counts, self._counts = self._counts, Counts()
        return counts


def _is_rechecked(image: NDArray[np.float32]) -> bool:
    values = image.reshape(-1)
    sample = values[:: 1 + values.size // SAMPLED_VALUES]
    return zlib.crc32(sample.tobytes()) % RECHECK_ONE_IN == 0

"""The names of the ways to scale an image's pixels. Standard library only."""

from __future__ import annotations

from enum import StrEnum


class Preprocessing(StrEnum):
    """How a model was fed in training.

    tf, torch and caffe are the modes of `keras.applications.imagenet_utils.preprocess_input`; rescale divides by 255.
    """

    TF = "tf"
    TORCH = "torch"
    CAFFE = "caffe"
    RESCALE = "rescale"
    NONE = "none"

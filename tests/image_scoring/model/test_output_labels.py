"""How the outputs of a model become labels."""

from __future__ import annotations

import numpy as np
import pytest

from image_scoring.model.output_labels import labels_of
from image_scoring.model.spec import ModelSpec


@pytest.mark.parametrize(
    ("threshold", "output", "label"),
    [
        (0.5, 0.49, "Cat"),
        (0.5, 0.5, "Cat"),
        (0.5, np.nextafter(np.float32(0.5), np.float32(1)), "Dog"),
        (0.5, 1.0, "Dog"),
        (0.7, np.float32(0.7), "Cat"),
        (0.1, np.float32(0.1), "Cat"),  # above 0.1 as a double
        (0.0, 0.0, "Cat"),
        (1.0, 1.0, "Cat"),
    ],
)
def test_one_sigmoid_means_the_positive_label_above_the_threshold(threshold: float, output: float, label: str) -> None:
    names, probabilities = labels_of(np.array([[output]], np.float32), ModelSpec("m", "0", threshold=threshold))
    assert list(names) == [label]
    assert probabilities.dtype == np.float32
    assert probabilities[0] == np.float32(output)


def test_the_probability_is_that_of_the_positive_label_for_both() -> None:
    names, probabilities = labels_of(np.array([[0.125], [0.75]], np.float32), ModelSpec("m", "0"))
    assert list(names) == ["Cat", "Dog"]
    assert list(probabilities) == [0.125, 0.75]


def test_several_outputs_mean_the_largest() -> None:
    outputs = np.array([[0.25, 0.5, 0.25], [0.75, 0.125, 0.125], [0.0, 0.0, 1.0]], np.float32)
    names, probabilities = labels_of(outputs, ModelSpec("m", "0", labels=("Cat", "Dog", "Owl"), threshold=0.9))
    assert list(names) == ["Dog", "Cat", "Owl"]
    assert list(probabilities) == [0.5, 0.75, 1.0]


def test_two_outputs_ignore_the_threshold() -> None:
    names, probabilities = labels_of(np.array([[0.25, 0.75]], np.float32), ModelSpec("m", "0", threshold=0.9))
    assert list(names) == ["Dog"]
    assert list(probabilities) == [0.75]

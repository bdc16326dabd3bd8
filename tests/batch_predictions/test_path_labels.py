"""The label and the split of an image, from its path."""

from __future__ import annotations

import pytest

from batch_predictions.path_labels import label_of, split_of


@pytest.mark.parametrize(
    ("img_path", "label"),
    [
        ("cat/1.jpg", "cat"),
        ("train/Cats/1.jpg", "cat"),
        ("DOGS/1.jpg", "Dog"),
        ("cats/dogs/1.jpg", "Dog"),
        ("cats/other/1.jpg", "cat"),
        ("cats/dog.1.jpg", "cat"),
        ("cat.1.jpg", "cat"),
        ("dog_17.png", "Dog"),
        ("Dogs-2.png", "Dog"),
        ("cat 3.png", "cat"),
        ("cat4.png", "cat"),
        ("train/cat.5.jpg", "cat"),
        ("cat.jpg", None),
        ("catalog1.jpg", None),
        ("my cat 1.jpg", None),
        ("catss/1.jpg", None),
        ("1.jpg", None),
        ("wildcats/1.jpg", None),
        ("cats", None),
    ],
)
def test_label_of(img_path: str, label: str | None) -> None:
    assert label_of(img_path, ("cat", "Dog")) == label


def test_no_labels() -> None:
    assert label_of("cats/cat.1.jpg", ()) is None


@pytest.mark.parametrize(
    ("img_path", "split"),
    [
        ("train/cats/1.jpg", "train"),
        ("data/Training/1.jpg", "train"),
        ("val/1.jpg", "validation"),
        ("cats/VALIDATION/1.jpg", "validation"),
        ("test/1.jpg", "test"),
        ("test/train/1.jpg", "test"),
        ("latest/1.jpg", None),
        ("cats/test", None),
        ("train.jpg", None),
    ],
)
def test_split_of(img_path: str, split: str | None) -> None:
    assert split_of(img_path) == split

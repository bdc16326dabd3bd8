"""Read the label and the split of an image from its path."""

from __future__ import annotations

import re

SPLITS = {"train": "train", "training": "train", "validation": "validation", "val": "validation", "test": "test"}


def label_of(img_path: str, labels: tuple[str, ...]) -> str | None:
    """Return the label that the path names, or None.

    It is that of the nearest directory called like a label or its plural, in any case (``train/cats/1.jpg``), otherwise
    that of a file name that starts with a label and a number (``cat.1.jpg``, ``dog_17.png``).
    """
    *directories, name = img_path.split("/")
    names = {form: label for label in labels for form in (label.lower(), f"{label.lower()}s")}
    for directory in reversed(directories):
        if label := names.get(directory.lower()):
            return label
    match = re.match(r"([a-z]+)[._ -]*\d", name.lower())
    return names.get(match[1]) if match else None


def split_of(img_path: str) -> str | None:
    """Return the split of the data (train, validation or test) that a directory of the path names, or None."""
    for directory in img_path.split("/")[:-1]:
        if split := SPLITS.get(directory.lower()):
            return split
    return None

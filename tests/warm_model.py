"""Converts the project's model into a workspace: python -m tests.warm_model WORKSPACE."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from image_scoring.compile import choose_engine
from image_scoring.contract import Workspace
from image_scoring.preprocess import decode_image, preprocess, read_file
from image_scoring.spec import load_spec

REPOSITORY = Path(__file__).parents[1]


def main() -> None:
    model = REPOSITORY / "models" / "cats_vs_dogs.h5"
    spec, _ = load_spec(model)
    pictures = sorted((REPOSITORY / "sample" / "pictures").glob("*/*.00[0-3].*"))
    images = [
        preprocess(decode_image(read_file(os.fsencode(path)), spec.input_size), spec.preprocessing) for path in pictures
    ]
    choose_engine(Workspace(Path(sys.argv[1])), model, spec, "openvino", "f32", np.stack(images))


if __name__ == "__main__":
    main()

"""Converts the project's model into a workspace: python -m tests.warm_model WORKSPACE."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from image_scoring.images.decoding import decode_image
from image_scoring.images.preprocessing import preprocess
from image_scoring.images.reading import read_file
from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.spec import load_spec
from run_contract.layout import Workspace

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

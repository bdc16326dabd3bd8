"""Convert the project's model into a workspace: python -m tests.warm_model WORKSPACE."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from image_scoring.images.loading import load_image
from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.spec import load_spec
from run_contract.layout import Workspace
from tests.helpers import MODEL, SAMPLE


def main() -> None:
    spec, _ = load_spec(MODEL)
    paths = sorted(SAMPLE.glob("*/*.00[0-3].*"))
    images = [load_image(os.fsencode(path), spec.input_size, spec.preprocessing) for path in paths]
    choose_engine(Workspace(Path(sys.argv[1])), MODEL, spec, "openvino", "f32", images)


if __name__ == "__main__":
    main()

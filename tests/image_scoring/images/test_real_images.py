"""The labels in f32 are those of Keras for every image."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from image_scoring.images.decoding import decode_image
from image_scoring.images.preprocessing import preprocess
from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.output_labels import labels_of
from image_scoring.model.spec import load_spec
from run_contract.layout import Workspace
from tests.conftest import REAL_ARCHIVE
from tests.helpers import MODEL, SAMPLE


def real_images() -> Iterator[bytes]:
    """Yield the 3,000 photos where they are available, otherwise the sample."""
    if not REAL_ARCHIVE.exists():
        yield from (path.read_bytes() for path in sorted(SAMPLE.glob("*/*.0??.*")))
        return
    with zipfile.ZipFile(REAL_ARCHIVE) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".jpg") and "__MACOSX" not in name:
                yield archive.read(name)


def decoded_by_keras(content: bytes) -> NDArray[np.float32]:
    pixels = keras.utils.img_to_array(keras.utils.load_img(io.BytesIO(content), target_size=(224, 224)))
    result: NDArray[np.float32] = keras.applications.mobilenet_v2.preprocess_input(pixels)
    return result


@pytest.mark.slow
def test_every_real_image_gets_the_label_that_keras_gives_it(tmp_path: Path) -> None:
    spec, _ = load_spec(MODEL)
    contents = list(real_images())
    assert len(contents) == (3000 if REAL_ARCHIVE.exists() else 88)
    reference = keras.models.load_model(MODEL, compile=False)

    def ours(content: bytes) -> NDArray[np.float32]:
        return preprocess(decode_image(content, spec.input_size), spec.preprocessing)

    choice = choose_engine(Workspace(tmp_path), MODEL, spec, "openvino", "f32", np.stack([*map(ours, contents[:8])]))
    engine, agreed = open_engine(choice), 0
    for start in range(0, len(contents), 64):
        batch = contents[start : start + 64]
        expected = reference.predict(np.stack([*map(decoded_by_keras, batch)]), batch_size=64, verbose=0)
        found = engine.predict(np.stack([*map(ours, batch)]))
        assert np.abs(found - expected).max() <= 1e-3
        agreed += int(np.sum(labels_of(found, spec)[0] == labels_of(expected, spec)[0]))
    assert agreed == len(contents)

"""Models made with the real libraries that declare more than their file holds: refused before memory is taken."""

from __future__ import annotations

import re
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.engines.opening import open_engine
from tests.image_scoring.model.hostile_models import FILES, LIBRARIES, SMALL, refused, replace_weights, rewrite

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")


@pytest.fixture
def little_memory() -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # KiB; the libraries take some


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("units", ["150000000", "1.5e8"])
@pytest.mark.parametrize(("library", "ending"), FILES)
def test_more_units_than_weights(
    library: str, ending: str, units: str, plain: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(plain[library, ending], tmp_path / f"model.{ending}"))
    rewrite(path, lambda text: re.sub(r'"units": 1\b', f'"units": {units}', text))
    refused(path, tmp_path, r"its config declares units 150,000,000(\.0)?, the file holds 49 weight values")


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(("library", "ending"), FILES)
def test_layers_that_need_more_weights_than_the_file_holds(
    library: str, ending: str, plain: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(plain[library, ending], tmp_path / f"model.{ending}"))
    rewrite(path, lambda text: re.sub(r'"units": 1\b', '"units": 60000', re.sub(r"\b4, 4, 3\b", "400, 40, 3", text)))
    refused(path, tmp_path, r"its layers need at least 2,880,[\d,]+ weight values, the file holds 49")


@pytest.mark.parametrize(("library", "ending"), FILES)
def test_a_model_that_was_built_by_its_first_images(library: str, ending: str, tmp_path: Path) -> None:
    layers = LIBRARIES[library].layers
    model = LIBRARIES[library].Sequential([layers.Flatten(), layers.Dense(1, activation="sigmoid")])
    expected = np.asarray(model(SMALL))
    path = tmp_path / f"model.{ending}"
    model.save(path)
    np.testing.assert_allclose(open_engine(EngineChoice("tensorflow", "f32", str(path))).predict(SMALL), expected)


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built:UserWarning")
def test_layers_that_the_first_images_would_build(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(60000)]).save(path)
    refused(path, tmp_path, "its layers do not state the size of their input")


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("options", [{}, {"chunks": (1 << 20,)}, {"chunks": (1 << 20,), "compression": "gzip"}])
def test_weights_that_are_declared_and_not_there(
    library: str, options: dict[str, Any], plain: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(plain[library, "h5"], tmp_path / "model.h5"))
    with h5py.File(path, "a") as file:
        file["model_weights"].create_dataset("more", (3_000_000_000,), "f4", **options)
    refused(path, tmp_path, "its HDF5 data declares 12,000,000,196 bytes, the whole file has")


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("values", "written", "cause"),
    [
        (3_000_000_000, False, "its HDF5 data declares 12,000,000,000 bytes"),
        (10_000_000, True, r"its archive declares 40,\d\d\d,\d\d\d bytes"),
    ],
)
def test_weights_in_a_keras_file(
    library: str, values: int, written: bool, cause: str, plain: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    path, weights = tmp_path / "model.keras", tmp_path / "weights.h5"
    with h5py.File(weights, "w") as file:
        more = file.create_dataset("more", (values,), "f4")
        if written:
            more[:] = 0
    replace_weights(plain[library, "keras"], path, weights)
    refused(path, tmp_path, cause)

"""Every kind of Keras file: OpenVINO gives the outputs of the library that wrote it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tf_keras
from numpy.typing import NDArray

from image_scoring.images.preprocessing import preprocess
from image_scoring.images.preprocessing_mode import Preprocessing
from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.engines.tensorflow_engine import load_keras
from image_scoring.model.safety import check_model_safe
from run_contract.errors import BatchPredictionsError
from run_contract.layout import Workspace
from tests.helpers import SAMPLE, noise, save_model, spec_of
from tests.image_scoring.keras_models import (
    IMAGES,
    LIBRARIES,
    SIZE,
    THREE,
    assert_same,
    check_fast_path,
    compiled,
    functional,
    mixed_precision,
    mobilenet,
    preprocessing,
    rescaling,
    sequential,
    write,
)

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_mobilenet_v2(library: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{ending}"
    check_fast_path(path, write(path, LIBRARIES[library], mobilenet))


# The fast tests have each kind of model and each kind of file; the slow ones have each kind of model from each library,
# alternately in one kind of file and in the other.
KINDS: dict[str, Callable[[ModuleType], Any]] = {
    "functional": functional,
    "sequential": sequential,
    "rescaling": rescaling,
    "softmax": lambda library: functional(library, units=3),
    "compiled": compiled,
    "named input": lambda library: functional(library, name="photo"),
    "any size": lambda library: functional(library, size=None),
    "preprocessing": preprocessing,
}
FAST = {
    ("rescaling", "tf_keras", "keras"),
    ("softmax", "keras", "keras"),
    ("any size", "keras", "h5"),
    ("preprocessing", "tf_keras", "h5"),
}


@pytest.mark.parametrize(
    ("kind", "library", "ending"),
    [
        pytest.param(kind, library, ending, marks=[] if (kind, library, ending) in FAST else pytest.mark.slow)
        for number, kind in enumerate(KINDS)
        for library, ending in zip(LIBRARIES, ("keras", "h5") if number % 2 else ("h5", "keras"), strict=True)
    ],
)
def test_fast_path(kind: str, library: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{ending}"
    expected = write(path, LIBRARIES[library], KINDS[kind])
    check_fast_path(path, expected, THREE[: max(2, expected.shape[1])])


@pytest.mark.slow
def test_a_model_of_any_size_is_converted_for_each_size_that_a_spec_asks_for(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    write(path, keras, KINDS["any size"])
    reference, converted = keras.models.load_model(path), set()
    for size in (SIZE, SIZE // 2, SIZE):
        images = np.ascontiguousarray(IMAGES[:8, :size, :size])
        spec = spec_of(path, THREE[:2], size=size)
        choice = choose_engine(Workspace(tmp_path), path, spec, "auto", "f32", images)
        difference = np.abs(open_engine(choice).predict(images) - np.asarray(reference(images)))
        assert (choice.name, bool(difference.max() <= 1e-3)) == ("openvino", True)
        converted.add(choice.path)
    assert len(converted) == 2


def set_version(path: Path, version: Any) -> None:
    with h5py.File(path, "a") as file:
        for group in (file, file["model_weights"]):
            del group.attrs["keras_version"]
            if version is not None:
                group.attrs["keras_version"] = version


def rewrite(path: Path, change: Callable[[dict[str, bytes]], Any]) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, NDArray[np.float32]]]:
    """A file of each library and ending, and its outputs on IMAGES."""
    files = {}
    for name in ("keras.h5", "keras.keras", "tf_keras.h5", "tf_keras.keras"):
        path = tmp_path_factory.mktemp("written") / name
        expected = write(path, LIBRARIES[name.split(".")[0]], sequential)
        files[name] = (path.read_bytes(), expected)
    return files


ODD: dict[str, tuple[str, Callable[[Path], Any]]] = {
    **{
        f"{name}, version {version!r}": (name, lambda path, version=version: set_version(path, version))  # type: ignore[misc]
        for name, version in [
            ("tf_keras.h5", "2.8.0"),
            ("tf_keras.h5", np.bytes_(b"2.8.0")),
            ("tf_keras.h5", "2.2.4-tf"),
            ("tf_keras.h5", None),
            ("tf_keras.h5", ""),
            ("tf_keras.h5", "unknown"),
            ("tf_keras.h5", 8),
            ("keras.h5", np.bytes_(b"3.0.0")),
            ("keras.h5", None),
            ("keras.h5", "unknown"),
        ]
    },
    "tf_keras.keras as it is": ("tf_keras.keras", lambda path: None),
    "keras.keras as it is": ("keras.keras", lambda path: None),
    "tf_keras.keras without metadata": (
        "tf_keras.keras",
        lambda path: rewrite(path, lambda entries: entries.pop("metadata.json")),
    ),
    "keras.keras without metadata": (
        "keras.keras",
        lambda path: rewrite(path, lambda entries: entries.pop("metadata.json")),
    ),
    "tf_keras.keras with odd metadata": (
        "tf_keras.keras",
        lambda path: rewrite(path, lambda entries: entries.update({"metadata.json": b"[]"})),
    ),
    "of TensorFlow 2.13 to 2.15": (
        "tf_keras.keras",
        lambda path: rewrite(
            path,
            lambda entries: entries.update(
                {"config.json": entries["config.json"].replace(b"tf_keras.src", b"keras.src")}
            ),
        ),
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_the_library_that_wrote_a_file_reads_it(
    case: str, written: dict[str, tuple[bytes, NDArray[np.float32]]], tmp_path: Path
) -> None:
    name, change = ODD[case]
    content, expected = written[name]
    path = tmp_path / name
    path.write_bytes(content)
    change(path)
    check_model_safe(path)
    assert_same(np.asarray(load_keras(path)(IMAGES, training=False)), expected, spec_of(path, size=SIZE))


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
def test_sixteen_bits_fall_back_to_the_library_with_one_line(
    library: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "mixed.keras"
    expected = write(path, LIBRARIES[library], mixed_precision)
    spec = spec_of(path, size=SIZE)
    with caplog.at_level(logging.WARNING, "image_scoring"):
        choice = choose_engine(Workspace(tmp_path), path, spec, "auto", "f32", IMAGES[:8])
    (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("image_scoring")]
    assert "mixed.keras: engine openvino cannot run it (its layers compute in 16 bits" in line
    assert line.endswith("; using tensorflow")
    assert choice.name == "tensorflow"
    assert_same(open_engine(choice).predict(IMAGES), expected, spec)


@pytest.mark.parametrize("network", ["resnet50", "densenet"])
def test_each_preprocess_input_of_keras_2_is_safe(network: str, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    preprocessing(tf_keras, network).save(path)
    check_model_safe(path)
    load_keras(path)


def test_arithmetic_of_keras_3_in_h5_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    preprocessing(keras).save(path)
    with pytest.raises(
        BatchPredictionsError, match=r"keras 3\S+ cannot load it \(ValueError: Unknown layer: 'TrueD"
    ) as e:
        choose_engine(Workspace(tmp_path), path, spec_of(path, size=SIZE), "auto", "f32", IMAGES[:8])
    assert "\n" not in str(e.value)


FAST_PATH = """
import sys
import numpy as np
import image_scoring.worker.udf
from image_scoring.images.loading import load_image
from image_scoring.images.preprocessing_mode import Preprocessing
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.engines.opening import open_engine
images = np.stack([load_image(name.encode(), (16, 16), Preprocessing.TF) for name in sys.argv[2:]])
assert open_engine(EngineChoice("openvino", "f32", sys.argv[1])).predict(images).shape == (len(images), 1)
print(sorted(name for name in sys.modules if name.startswith(("tensorflow", "keras", "tf_keras", "h5py"))))
"""


def test_executors_import_neither_tensorflow_nor_keras(tmp_path: Path) -> None:
    model = save_model(tmp_path / "model.keras")
    images = np.stack([preprocess(noise(16, 16, seed=seed), Preprocessing.TF) for seed in range(3)])
    choice = choose_engine(Workspace(tmp_path), model, spec_of(model), "openvino", "f32", images)
    paths = [str(path) for path in sorted(SAMPLE.glob("*/*.00[0-3].*"))]
    finished = subprocess.run(
        [sys.executable, "-c", FAST_PATH, choice.path, *paths], check=False, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert (finished.stdout.strip(), finished.returncode) == ("[]", 0), finished.stderr

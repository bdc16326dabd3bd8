"""Every Keras file that a user may bring: the fast path answers as the library that wrote it."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tf_keras
from numpy.typing import NDArray

from image_scoring.compile import choose_engine
from image_scoring.contract import BatchPredictionsError, Workspace
from image_scoring.engines import open_engine
from image_scoring.engines.tensorflow_engine import load_keras
from image_scoring.gate import check_model_safe
from image_scoring.labels import labels_of
from image_scoring.preprocess import decode_image, preprocess
from image_scoring.spec import ModelSpec, load_spec
from tests.conftest import REAL_ARCHIVE
from tests.helpers import MODEL, PICTURES, noise, save_model, spec_of

LIBRARIES = {"keras": keras, "tf_keras": tf_keras}
SIZE = 96
THREE = ("Cat", "Dog", "Owl")

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")


def mosaics(count: int) -> NDArray[np.float32]:
    """Images (count, 96, 96, 3) in [-1, 1] of coloured squares, few and large to many and small."""
    random = np.random.default_rng(20)
    images = np.empty((count, SIZE, SIZE, 3), np.float32)
    for number, image in enumerate(images):
        cells = 1 + number % 12
        at = np.arange(SIZE) * cells // SIZE
        image[:] = random.uniform(-1, 1, (cells, cells, 3))[at][:, at]
    return images


IMAGES = mosaics(300)


def features(library: ModuleType, x: Any) -> Any:
    """The kinds of layers that MobileNetV2 is made of, once each: its whole takes ten seconds to convert."""
    layers = library.layers
    for number, stride in enumerate((2, 1)):
        x = layers.Conv2D(8, 3, strides=stride, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
        y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"depthwise_{number}")(x)
        x = layers.Add()([x, layers.BatchNormalization()(y)])
    return layers.GlobalAveragePooling2D()(x)


def functional(
    library: ModuleType,
    units: int = 1,
    size: int | None = SIZE,
    name: str | None = None,
    first: Callable[[Any], Any] = lambda x: x,
) -> Any:
    inputs = library.Input((size, size, 3), name=name)
    activation = "sigmoid" if units == 1 else "softmax"
    head = library.layers.Dense(units, activation=activation, name="head", dtype="float32")
    return library.Model(inputs, head(features(library, first(inputs))))


def sequential(library: ModuleType) -> Any:
    inputs = library.Input((SIZE, SIZE, 3))
    head = library.layers.Dense(1, activation="sigmoid", name="head")
    return library.Sequential([library.Model(inputs, features(library, inputs)), head])


def mobilenet(library: ModuleType) -> Any:
    backbone = library.applications.MobileNetV2(
        (SIZE, SIZE, 3), alpha=0.35, include_top=False, weights=None, pooling="avg"
    )
    return library.Sequential([backbone, library.layers.Dense(1, activation="sigmoid", name="head")])


def rescaling(library: ModuleType) -> Any:
    return functional(library, first=library.layers.Rescaling(0.5, offset=0.1))


def compiled(library: ModuleType) -> Any:
    """With what training leaves in the file: an optimizer with its state, a loss and a metric of the user's own."""

    class OwnMetric(library.metrics.Mean):  # type: ignore[name-defined]
        pass

    model = functional(library)
    model.compile(optimizer=library.optimizers.Adam(), loss="binary_crossentropy", metrics=[OwnMetric()])
    model.optimizer.build(model.trainable_variables)
    return model


def mixed_precision(library: ModuleType) -> Any:
    library.mixed_precision.set_global_policy("mixed_float16")
    try:
        return functional(library)
    finally:
        library.mixed_precision.set_global_policy("float32")


def preprocessing(library: ModuleType, network: str = "mobilenet_v2") -> Any:
    preprocess_input = getattr(library.applications, network).preprocess_input
    return functional(library, first=lambda x: preprocess_input(x))


def leaves(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        yield from leaves(layer) if hasattr(layer, "layers") else [layer]


def settle(model: Any) -> Any:
    """Gives a model of random weights outputs that differ from image to image, half of them on each side."""
    normalizations = [layer for layer in leaves(model) if type(layer).__name__ == "BatchNormalization"]
    for layer in normalizations:
        layer.momentum = 0.0
    model(IMAGES[:64], training=True)
    for layer in normalizations:
        layer.momentum = 0.99
    outputs = np.asarray(model(IMAGES, training=False), np.float64)
    logits = np.log(outputs)
    logits -= np.log1p(-outputs) if outputs.shape[1] == 1 else logits.mean(axis=1, keepdims=True)
    spread = logits.std()
    head = model.get_layer("head")
    kernel, bias = head.get_weights()
    head.set_weights([2 * kernel / spread, bias - 2 * np.median(logits, axis=0) / spread])
    return model


def write(path: Path, library: ModuleType, make: Callable[[ModuleType], Any]) -> NDArray[np.float32]:
    """Saves a model at `path`; what the library that wrote it answers on IMAGES."""
    library.utils.set_random_seed(20)
    model = settle(make(library))
    model.save(path)
    return np.asarray(model(IMAGES, training=False), np.float32)


def assert_same(found: NDArray[np.float32], expected: NDArray[np.float32], spec: ModelSpec) -> None:
    assert found.shape == expected.shape
    assert list(labels_of(found, spec)[0]) == list(labels_of(expected, spec)[0])
    assert set(labels_of(expected, spec)[0]) == set(spec.labels)
    assert np.abs(found - expected).max() <= 1e-3


def check_fast_path(path: Path, expected: NDArray[np.float32], labels: tuple[str, ...] = THREE[:2]) -> None:
    spec = spec_of(path, labels, size=SIZE)
    choice = choose_engine(Workspace(path.parent), path, spec, "auto", "f32", IMAGES[:8])
    assert (choice.name, choice.precision) == ("openvino", "f32")
    assert_same(open_engine(choice).predict(IMAGES), expected, spec)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_mobilenet_v2(library: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{ending}"
    check_fast_path(path, write(path, LIBRARIES[library], mobilenet))


# Each kind of model and each kind of file in the fast tests, every pair of them in the slow ones.
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
FAST = {("softmax", "tf_keras", "keras"), ("any size", "keras", "h5"), ("preprocessing", "tf_keras", "h5")}
# Keras 3 writes its own arithmetic to .h5 in a way that it does not read again.
UNREADABLE = ("preprocessing", "keras", "h5")


@pytest.mark.parametrize(
    ("kind", "library", "ending"),
    [
        pytest.param(*case, marks=[] if case in FAST else pytest.mark.slow)
        for case in ((kind, library, ending) for kind in KINDS for library in LIBRARIES for ending in ("h5", "keras"))
        if case != UNREADABLE
    ],
)
def test_fast_path(kind: str, library: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{ending}"
    expected = write(path, LIBRARIES[library], KINDS[kind])
    check_fast_path(path, expected, THREE[: max(2, expected.shape[1])])


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
    """A file of each library and ending, and what it answers."""
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
    assert "mixed.keras: engine openvino does not fit (its layers compute in 16 bits" in line
    assert line.endswith("; using tensorflow")
    assert choice.name == "tensorflow"
    assert_same(open_engine(choice).predict(IMAGES), expected, spec)


@pytest.mark.parametrize("network", ["resnet50", "densenet"])
def test_each_preprocess_input_of_keras_2_passes_the_gate(network: str, tmp_path: Path) -> None:
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


def with_layer(path: Path, layer: dict[str, Any]) -> Path:
    config = {"class_name": "Functional", "module": "keras", "config": {"layers": [layer]}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    return path


@pytest.mark.parametrize(
    ("layer", "cause"),
    [
        (
            {"class_name": "TFOpLambda", "config": {"function": "io.write_file"}},
            "TFOpLambda layer with tf.io.write_file",
        ),
        ({"class_name": "TFOpLambda"}, "TFOpLambda layer with tf.?"),
        ({"class_name": "SlicingOpLambda", "config": {"function": ["cast"]}}, "holds a SlicingOpLambda layer"),
        ({"class_name": "ClassMethod", "config": {"cls_symbol": "data.Dataset"}}, "holds a ClassMethod layer"),
        ({"class_name": "Dense", "config": {"activation": {"class_name": "__lambda__"}}}, "holds a __lambda__ layer"),
        ({"class_name": "x", "registered_name": "Lambda", "module": "keras.layers"}, "holds a Lambda layer"),
        ({"class_name": "core.Lambda", "module": "keras.layers"}, "holds a Lambda layer"),
    ],
)
def test_what_carries_code_is_refused(layer: dict[str, Any], cause: str, tmp_path: Path) -> None:
    with pytest.raises(BatchPredictionsError) as error:
        check_model_safe(with_layer(tmp_path / "model.keras", layer))
    assert cause in str(error.value)


FAST_PATH = """
import sys
import numpy as np
import image_scoring.udf
from image_scoring.engines import EngineChoice, open_engine
from image_scoring.preprocess import decode_image, preprocess, read_file
images = np.stack([preprocess(decode_image(read_file(name.encode()), (16, 16)), "tf") for name in sys.argv[2:]])
assert open_engine(EngineChoice("openvino", "f32", sys.argv[1])).predict(images).shape == (len(images), 1)
print(sorted(name for name in sys.modules if name.startswith(("tensorflow", "keras", "tf_keras", "h5py"))))
"""


def test_executors_import_neither_tensorflow_nor_keras(tmp_path: Path) -> None:
    model = save_model(tmp_path / "model.keras")
    images = np.stack([preprocess(noise(16, 16, seed=seed), "tf") for seed in range(3)])
    choice = choose_engine(Workspace(tmp_path), model, spec_of(model), "openvino", "f32", images)
    pictures = [str(path) for path in sorted(PICTURES.glob("*/*.00[0-3].*"))]
    finished = subprocess.run(
        [sys.executable, "-c", FAST_PATH, choice.path, *pictures], check=False, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert (finished.stdout.strip(), finished.returncode) == ("[]", 0), finished.stderr


def real_pictures() -> Iterator[bytes]:
    """The 3,000 photos where they are, else those of the sample."""
    if not REAL_ARCHIVE.exists():
        yield from (path.read_bytes() for path in sorted(PICTURES.glob("*/*.0??.*")))
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
def test_every_real_picture_gets_the_label_that_keras_gives_it(tmp_path: Path) -> None:
    spec, _ = load_spec(MODEL)
    contents = list(real_pictures())
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

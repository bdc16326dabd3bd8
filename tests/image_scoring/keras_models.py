"""Keras models of many kinds, written by the real libraries, and their outputs on 300 images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tf_keras
from numpy.typing import NDArray

from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.output_labels import labels_of
from image_scoring.model.spec import ModelSpec
from run_contract.layout import Workspace
from tests.helpers import spec_of

LIBRARIES = {"keras": keras, "tf_keras": tf_keras}
SIZE = 96
THREE = ("Cat", "Dog", "Owl")


def mosaics(count: int) -> NDArray[np.float32]:
    """Return images (count, 96, 96, 3) in [-1, 1] of coloured squares, from one to twelve in a row."""
    random = np.random.default_rng(20)
    images = np.empty((count, SIZE, SIZE, 3), np.float32)
    for number, image in enumerate(images):
        cells = 1 + number % 12
        at = np.arange(SIZE) * cells // SIZE
        image[:] = random.uniform(-1, 1, (cells, cells, 3))[at][:, at]
    return images


IMAGES = mosaics(300)


def features(library: ModuleType, x: Any) -> Any:
    """Apply each kind of layer of MobileNetV2 once; the whole network takes ten seconds to convert."""
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
    """Return a model with what training leaves in the file: an optimizer and its state, a loss and a custom metric."""

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
    """Scale the head of a model with random weights so that half of the images are on each side of the decision."""
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
    """Save a model to `path` and return the outputs of the library that wrote it, on IMAGES."""
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

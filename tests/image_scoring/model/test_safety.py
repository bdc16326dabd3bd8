"""Which model files are refused before a framework opens them."""

from __future__ import annotations

import errno
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from image_scoring.model.safety import check_model_present, check_model_safe
from run_contract.errors import BatchPredictionsError
from tests.helpers import save_model


def write_hdf5(path: Path, config: Any) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
        file.create_group("model_weights").create_group("dense")
    return path


def write_keras(path: Path, config: str, name: str = "config.json") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, config)
    return path


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "module": "keras", "config": {"layers": list(layers)}}


DENSE = {"class_name": "Dense", "module": "keras.layers", "config": {"units": 1}}
SYSTEM = {"class_name": "function", "module": "os", "config": "system"}


def cut(path: Path, count: int) -> None:
    path.write_bytes(path.read_bytes()[:count])


def write_cut_hdf5(path: Path) -> None:
    cut(write_hdf5(path, sequential(DENSE)), 1000)


def write_cut_keras(path: Path) -> None:
    cut(write_keras(path, json.dumps(sequential(DENSE))), 60)


def write_damaged_keras(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(sequential(DENSE)))
    content = bytearray(path.read_bytes())
    content[45:60] = b"\xff" * 15  # within the compressed data
    path.write_bytes(content)


def write_weights_only(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_group("dense")


def write_external_link(path: Path) -> None:
    write_hdf5(path, sequential(DENSE))
    with h5py.File(path, "a") as file:
        file["secret"] = h5py.ExternalLink("/etc/other.h5", "/")


def write_deep_external_link(path: Path) -> None:
    write_hdf5(path, sequential(DENSE))
    with h5py.File(path, "a") as file:
        file["model_weights/dense/kernel"] = h5py.ExternalLink("/etc/other.h5", "/kernel")


def write_external_storage(path: Path) -> None:
    write_hdf5(path, sequential(DENSE))
    with h5py.File(path, "a") as file:
        file.create_dataset("model_weights/dense/kernel", (4,), "u1", external=[("/etc/passwd", 0, 4)])


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "text.h5": (lambda path: path.write_text("not a model"), "not a Keras model"),
    "empty.h5": (lambda path: path.touch(), "not a Keras model"),
    "pickle.h5": (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "not a Keras model"),
    "directory.h5": (lambda path: path.mkdir(), "cannot be read"),
    "missing.h5": (lambda path: None, "no such file"),
    "cut.keras": (write_cut_keras, "the .keras file is cut short"),
    "cut.h5": (write_cut_hdf5, "cut short or damaged"),
    "weights.h5": (write_weights_only, "weights only"),
    "no json.h5": (lambda path: write_hdf5(path, "{"), "not valid JSON"),
    "lambda.h5": (lambda path: write_hdf5(path, sequential({"class_name": "Lambda"})), "holds a Lambda layer"),
    "nested lambda.h5": (
        lambda path: write_hdf5(path, sequential(DENSE, {"config": {"layer": {"class_name": "Lambda"}}})),
        "holds a Lambda layer",
    ),
    "external link.h5": (write_external_link, "links to another file"),
    "deep link.h5": (write_deep_external_link, "links to another file"),
    "external storage.h5": (write_external_storage, "links to another file"),
    "os.keras": (lambda path: write_keras(path, json.dumps(sequential(DENSE, SYSTEM))), "it names os.function"),
    "os.h5": (lambda path: write_hdf5(path, sequential(SYSTEM)), "it names os.function"),
    "kerasish.keras": (
        lambda path: write_keras(path, json.dumps(sequential({**DENSE, "module": "keras_evil.layers"}))),
        "not a part of Keras",
    ),
    "no config.keras": (lambda path: write_keras(path, "{}", "other.json"), "without a readable Keras config.json"),
    "bad config.keras": (lambda path: write_keras(path, "{"), "without a readable Keras config.json"),
    "deep config.keras": (lambda path: write_keras(path, "[" * 100_000), "without a readable Keras config.json"),
    "deep config.h5": (lambda path: write_hdf5(path, "[" * 50_000), "not valid JSON"),
    "damaged.keras": (write_damaged_keras, "without a readable Keras config.json"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_model_is_refused_in_one_line_that_names_it(name: str, tmp_path: Path) -> None:
    write, cause = BAD[name]
    path = tmp_path / name
    write(path)
    with pytest.raises(BatchPredictionsError) as error:
        check_model_safe(path)
    assert str(error.value).startswith(f"model {path}: ")
    assert cause in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["text.h5", "pickle.h5", "missing.h5", "cut.keras"])
def test_a_file_that_is_no_model_by_its_first_bytes_is_refused_early(name: str, tmp_path: Path) -> None:
    write, cause = BAD[name]
    write(tmp_path / name)
    with pytest.raises(BatchPredictionsError, match=cause):
        check_model_present(tmp_path / name)


@pytest.mark.parametrize("name", ["good.h5", "good.keras"])
def test_a_real_model_passes(name: str, tmp_path: Path) -> None:
    check_model_safe(save_model(tmp_path / name))


def test_a_disk_that_is_full_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def extract(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    model = save_model(tmp_path / "good.keras")
    monkeypatch.setattr(zipfile.ZipFile, "extract", extract)
    with pytest.raises(BatchPredictionsError, match=r"cannot be read in \S+ \(No space left on device\)"):
        check_model_safe(model)


@pytest.mark.parametrize("name", ["lambda.h5", "lambda.keras"])
def test_a_real_lambda_layer_is_refused(name: str, tmp_path: Path) -> None:
    import keras

    layers = [keras.Input((4, 4, 3)), keras.layers.Lambda(lambda x: x)]
    keras.Sequential(layers).save(tmp_path / name)
    with pytest.raises(BatchPredictionsError, match="holds a Lambda layer"):
        check_model_safe(tmp_path / name)


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

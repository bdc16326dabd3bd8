"""The model safety check: a model file is inspected as data before any code of a framework opens it."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from run_contract.errors import BatchPredictionsError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ZIP_SIGNATURE = b"PK\x03\x04"
# Classes that carry code, which Keras would run on load or on the first image (for .h5 it ignores safe_mode).
CODE_CLASSES = {"Lambda", "__lambda__", "ClassMethod", "InstanceMethod", "InstanceProperty"}
# Keras 2 writes each TensorFlow operation between two layers as one of these classes, with the operation's name.
OPERATION_LAYERS = {"TFOpLambda", "SlicingOpLambda"}
# Operations that only compute, such as those of `preprocess_input` inside a model; others read and write files.
SAFE_OPERATIONS = {
    "__operators__.add",
    "__operators__.getitem",
    "cast",
    "clip_by_value",
    "image.per_image_standardization",
    "image.resize",
    "math.add",
    "math.divide",
    "math.multiply",
    "math.subtract",
    "math.truediv",
    "nn.bias_add",
}
TRUSTED_MODULES = ("keras", "tf_keras", "builtins")
# What reading a JSON file in a zip archive raises: no such file, not JSON or nested too deeply, encrypted, damaged.
DAMAGED_ZIP = (KeyError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)


def refuse(model: Path, cause: str) -> BatchPredictionsError:
    """Return the error for a model that is not used."""
    return BatchPredictionsError(f"model {model}: {cause}; give a Keras .h5 or .keras file with MODEL= or Param model")


def check_model_present(model: Path) -> None:
    """Raise BatchPredictionsError unless a file begins like a Keras model. Cheap; standard library only."""
    try:
        with open(model, "rb") as file:
            head = file.read(8)
    except FileNotFoundError:
        raise refuse(model, "no such file") from None
    except OSError as error:
        raise refuse(model, f"cannot be read ({error.strerror})") from None
    if head != HDF5_SIGNATURE and head[:4] != ZIP_SIGNATURE:
        raise refuse(model, "not a Keras model (neither an HDF5 nor a .keras file)")
    if head[:4] == ZIP_SIGNATURE and not zipfile.is_zipfile(model):
        raise refuse(model, "the .keras file is cut short")


def check_model_safe(model: Path) -> None:
    """Raise BatchPredictionsError for a model that would run its own code, or read another file, when it is loaded."""
    check_model_present(model)
    config = _read_keras_config(model) if zipfile.is_zipfile(model) else _read_hdf5_config(model)
    for node in _walk(config):
        _check_node(model, node)


def _check_node(model: Path, node: dict[str, Any]) -> None:
    module = node.get("module")
    for key in ("class_name", "registered_name"):  # Keras looks a class up by either
        name = re.split("[.>]", str(node.get(key)))[-1]  # also as "outer.Name" or "package>Name"
        if name in CODE_CLASSES:
            raise refuse(model, f"it holds a {name} layer, which is code that would run here")
        if name in OPERATION_LAYERS and (function := _operation(node)) not in SAFE_OPERATIONS:
            raise refuse(model, f"it holds a {name} layer with tf.{function}, which is code that would run here")
    if isinstance(module, str) and module.split(".")[0] not in TRUSTED_MODULES:
        raise refuse(model, f"it names {module}.{node.get('class_name')}, which is not a part of Keras")


def _operation(node: dict[str, Any]) -> str:
    config = node.get("config")
    return str(config.get("function")) if isinstance(config, dict) else "?"


def _read_keras_config(model: Path) -> Any:
    try:
        with zipfile.ZipFile(model) as archive:
            config = json.loads(archive.read("config.json"))
    except DAMAGED_ZIP:
        raise refuse(model, "a zip file without a readable Keras config.json") from None
    if isinstance(config, dict):
        config.pop("compile_config", None)  # loss and metrics of the training, which may be code but are never loaded
    return config


def _read_hdf5_config(model: Path) -> Any:
    import h5py  # not at the top: only the driver needs it

    try:
        with h5py.File(model, "r") as file:
            if outside := file.visititems_links(lambda name, link: _outside(name, link, file)):
                raise refuse(model, f"its entry {outside!r} links to another file")
            config = file.attrs.get("model_config")
    except (OSError, RuntimeError):
        raise refuse(model, "the HDF5 file is cut short or damaged") from None
    if config is None:
        raise refuse(model, "an HDF5 file with weights only (save the whole model)")
    try:
        return json.loads(config)
    except (ValueError, RecursionError):
        raise refuse(model, "an HDF5 file whose model_config is not valid JSON") from None


def _outside(name: str, link: Any, file: Any) -> str | None:
    """Return the name of an HDF5 entry whose content is in another file, otherwise None."""
    import h5py

    if isinstance(link, h5py.ExternalLink):
        return name
    entry = file[name] if isinstance(link, h5py.HardLink) else None
    return name if isinstance(entry, h5py.Dataset) and (entry.external or entry.is_virtual) else None


def _walk(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a JSON value."""
    waiting = [config]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node

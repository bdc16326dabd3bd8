"""The model safety check: a model file is inspected as data before any code of a framework opens it."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from image_scoring.model.declared_sizes import DeclaresTooMuch, check_bytes, check_sizes
from image_scoring.model.model_file import ModelFormat, check_name, model_format, private_copy, refuse

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
NAME = re.compile(r"[A-Za-z_]\w*(?:[.>][A-Za-z_]\w*)*", re.ASCII)  # of a class or module, also "package>Name"
MEMBER = re.compile(r"[!-~](?:[ -~]*[!-~])?")  # of a .keras file: printable ASCII without spaces around it
WEIGHTS = "model.weights.h5"


class Unsafe(Exception):
    """The cause for which a model is refused."""


@dataclass(frozen=True)
class CheckedModel:
    """A private copy of a model file that has passed the check.

    version: the Keras version in the file, or any other text that is there. config: the model's config as JSON.
    values: the number of weight values in the file.
    """

    path: Path
    version: str
    config: str
    values: int


def check_model_present(model: Path) -> None:
    """Raise BatchPredictionsError unless a file begins like a Keras model. Cheap; standard library only."""
    check_name(model)
    model_format(model)


def check_model_safe(model: Path, sha256: str | None = None) -> None:
    """Raise BatchPredictionsError for a model that would run its own code, or read another file, when it is loaded."""
    with checked_copy(model, sha256):
        pass


@contextmanager
def checked_copy(model: Path, sha256: str | None) -> Iterator[CheckedModel]:
    """Yield a private copy of a model file that has passed the check; load this copy and not `model`.

    sha256: of the expected content; None accepts any. Raises BatchPredictionsError.
    """
    with private_copy(model, sha256) as (copy, found):
        try:
            checked = _inspect_hdf5(copy) if found is ModelFormat.HDF5 else _inspect_keras(copy)
        except (Unsafe, DeclaresTooMuch) as cause:
            raise refuse(model, str(cause)) from None
        yield checked


def _inspect_keras(copy: Path) -> CheckedModel:
    try:
        with zipfile.ZipFile(copy) as archive:
            _check_members(archive, copy.stat().st_size)
            text = archive.read("config.json")
            config = _parse(text)
            version = _read_version(archive)
            if WEIGHTS in archive.namelist():
                archive.extract(WEIGHTS, copy.parent)
    except (Unsafe, DeclaresTooMuch):
        raise
    except OSError as error:  # such as a full disk
        raise Unsafe(f"the .keras file cannot be read in {copy.parent} ({error.strerror or error})") from None
    except Exception:  # no config, not JSON or nested too deeply, encrypted; a damaged file can raise anything
        raise Unsafe("a zip file without a readable Keras config.json") from None
    if isinstance(config, dict):
        config.pop("compile_config", None)  # loss and metrics of the training, which may be code but are never loaded
    nodes = _check_config(config)
    weights = copy.parent / WEIGHTS
    if not weights.exists():
        raise Unsafe(f"a .keras file without {WEIGHTS}")
    values, _, _ = _read_hdf5(weights, copy.stat().st_size)
    weights.unlink()
    return _fit(nodes, CheckedModel(copy, version, text.decode(), values))


def _inspect_hdf5(copy: Path) -> CheckedModel:
    values, text, version = _read_hdf5(copy, copy.stat().st_size)
    if text is None:
        raise Unsafe("an HDF5 file with weights only (save the whole model)")
    try:
        config = _parse(text)
    except (ValueError, RecursionError):
        raise Unsafe("an HDF5 file whose model_config is not valid JSON") from None
    return _fit(_check_config(config), CheckedModel(copy, version, _text(text), values))


def _fit(nodes: list[dict[str, Any]], checked: CheckedModel) -> CheckedModel:
    for node in nodes:
        check_sizes(node, checked.values)
    return checked


def _check_config(config: Any) -> list[dict[str, Any]]:
    """Return every object of a config after the check of each."""
    nodes = [*_walk(config)]
    for node in nodes:
        _check_node(node)
    return nodes


def _check_node(node: dict[str, Any]) -> None:
    for key in ("class_name", "registered_name", "module"):
        name = node.get(key)
        if name is not None and not (isinstance(name, str) and NAME.fullmatch(name)):
            raise Unsafe(f"its {key} {ascii(name)[:80]} is not a plain name")
    for key in ("class_name", "registered_name"):  # Keras looks a class up by either
        name = re.split("[.>]", str(node.get(key)))[-1]  # also as "outer.Name" or "package>Name"
        if name in CODE_CLASSES:
            raise Unsafe(f"it holds a {name} layer, which is code that would run here")
        if name in OPERATION_LAYERS and (function := _operation(node)) not in SAFE_OPERATIONS:
            raise Unsafe(f"it holds a {name} layer with tf.{function}, which is code that would run here")
    module = node.get("module")
    if isinstance(module, str) and module.split(".")[0] not in TRUSTED_MODULES:
        raise Unsafe(f"it names {module}.{node.get('class_name')}, which is not a part of Keras")


def _operation(node: dict[str, Any]) -> str:
    config = node.get("config")
    return str(config.get("function")) if isinstance(config, dict) else "?"


def _parse(text: str | bytes) -> Any:
    """Return JSON values. Raises Unsafe for a key that stands twice, ValueError and RecursionError for other faults."""
    check_bytes(len(text), 0, "config")
    return json.loads(_text(text), object_pairs_hook=_unique)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise Unsafe(f"its config has the key {next(key for key in keys if keys.count(key) > 1)!a} twice")
    return found


def _check_members(archive: zipfile.ZipFile, file_size: int) -> None:
    """Raise Unsafe for names that readers could take for each other, DeclaresTooMuch for a bomb."""
    seen = set()
    for member in archive.infolist():
        name = member.orig_filename  # zipfile cuts `filename` at a NUL
        if not MEMBER.fullmatch(name):
            raise Unsafe(f"its member {ascii(name)[:80]} is not a plain name")
        if name.lower() in seen:
            raise Unsafe(f"its member {name!r} is there twice")
        seen.add(name.lower())
    check_bytes(sum(member.file_size for member in archive.infolist()), file_size, "archive")


def _read_version(archive: zipfile.ZipFile) -> str:
    try:
        return str(_parse(archive.read("metadata.json"))["keras_version"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return ""


def _read_hdf5(path: Path, file_size: int) -> tuple[int, str | bytes | None, str]:
    """Return the number of values, the model's config if it is there, and the Keras version of an HDF5 file."""
    import h5py  # not at the top: only the driver needs it

    try:
        with h5py.File(path, "r") as file:
            values = _check_entries(file, file_size)
            config, version = file.attrs.get("model_config"), file.attrs.get("keras_version")
    except (Unsafe, DeclaresTooMuch):
        raise
    except Exception:  # a damaged file can raise anything
        raise Unsafe("the HDF5 file is cut short or damaged") from None
    if config is not None and not isinstance(config, str | bytes):
        raise Unsafe("an HDF5 file whose model_config is not valid JSON")
    return values, config, version.decode(errors="replace") if isinstance(version, bytes) else str(version)


def _check_entries(file: Any, file_size: int) -> int:
    """Return the number of values in an HDF5 file. Raises Unsafe for a link to another file, DeclaresTooMuch."""
    import h5py

    datasets: list[tuple[int, int]] = []  # values and bytes

    def visit(name: str, link: Any) -> str | None:
        """Return the name of an entry whose content is in another file: h5py loses an exception that is raised here."""
        if isinstance(link, h5py.ExternalLink):
            return name
        entry = file[name] if isinstance(link, h5py.HardLink) else None
        if not isinstance(entry, h5py.Dataset):
            return None
        values = entry.size or 0
        datasets.append((values, values * entry.dtype.itemsize))
        return name if entry.external or entry.is_virtual else None

    if outside := file.visititems_links(visit):
        raise Unsafe(f"its entry {outside!a} links to another file")
    check_bytes(sum(size for _, size in datasets), file_size, "HDF5 data")
    return sum(values for values, _ in datasets)


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

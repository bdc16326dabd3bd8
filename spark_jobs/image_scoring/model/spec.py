"""The model spec: the JSON file beside a model that says how to feed it and how to read its outputs.

Standard library only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from image_scoring.images.preprocessing_mode import Preprocessing
from image_scoring.model.model_file import check_name, find_unsafe_text, refuse
from run_contract.errors import BatchPredictionsError
from run_contract.files import open_regular, sha256_of, write_json

KEYS = ("input_size", "preprocessing", "labels", "threshold", "sha256")


@dataclass(frozen=True)
class ModelSpec:
    """How to turn an image into a label.

    input_size: height and width in pixels.
    labels: (negative, positive) for a single sigmoid output, otherwise one for each output, in order.
    threshold: a sigmoid output above it means the positive label; not used with several outputs.
    """

    name: str
    sha256: str
    input_size: tuple[int, int] = (224, 224)
    preprocessing: Preprocessing = Preprocessing.TF
    labels: tuple[str, ...] = ("Cat", "Dog")
    threshold: float = 0.5

    @property
    def model_id(self) -> str:
        """The value of the column `model` in the predictions."""
        return f"{self.name}@{self.sha256[:12]}"


def resolve_model(model: Path) -> Path:
    """Return the path of the file that `model` leads to through symbolic links."""
    return Path(os.path.realpath(model))


def spec_path(model: Path) -> Path:
    """Return the path of the spec that belongs to a model file."""
    return model.with_suffix(".json")


def load_spec(model: Path) -> tuple[ModelSpec, str]:
    """Return the spec of `model`, and one line for the log that says where it came from.

    Of a link, the spec, the name and the sha256 are those of the file that it leads to. The spec beside the link is
    used only where that file has none, as in stores that name files by their content.
    Raises BatchPredictionsError when the model or the spec cannot be read, when its name or a label must not be shown,
    and when the spec is not valid or belongs to another file.
    """
    check_name(model)
    target = resolve_model(model)
    check_name(target)
    try:
        sha256 = sha256_of(target)
    except OSError as error:
        raise refuse(target, f"cannot be read ({error.strerror})") from None
    model, content = _find_spec(target, model)
    path = spec_path(model)
    if content is None:
        return ModelSpec(name=model.stem, sha256=sha256), (
            f"model {model.name}: there is no spec {path.name} beside it, using the classic defaults "
            f"(224x224, preprocessing tf, labels Cat and Dog, threshold 0.5)"
        )
    spec = _parse(path, content, model.stem)
    if spec.sha256 != sha256:
        raise BatchPredictionsError(
            f"model {model}: its sha256 is {sha256[:12]}…, its spec {path.name} is for {spec.sha256[:12]}…; "
            "put the matching spec beside the model"
        )
    return spec, f"model {model.name}: spec {path.name}"


def save_spec(model: Path, spec: ModelSpec) -> None:
    """Write the spec beside a model file."""
    content = asdict(spec)
    write_json(spec_path(model), {key: content[key] for key in KEYS})


def _find_spec(*models: Path) -> tuple[Path, bytes | None]:
    """Return the first of these paths of a model with a spec beside it, and the spec; the first path if none has."""
    for model in models:
        content = _read(spec_path(model))
        if content is not None:
            return model, content
    return models[0], None


def _read(path: Path) -> bytes | None:
    try:
        with open_regular(path) as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refuse(path, f"cannot be read ({error.strerror})") from None


def _parse(path: Path, content: bytes, name: str) -> ModelSpec:
    found = _parse_json(path, content)
    size, labels, threshold = found["input_size"], found["labels"], found["threshold"]
    if not (isinstance(size, list) and len(size) == 2 and all(_is_side(side) for side in size)):
        raise _refuse(path, f"input_size must be [height, width] in pixels, found {size!r}")
    if found["preprocessing"] not in [*Preprocessing]:
        raise _refuse(
            path, f"preprocessing must be one of {', '.join(Preprocessing)}, found {found['preprocessing']!r}"
        )
    if not isinstance(labels, list) or len(labels) < 2 or not all(isinstance(label, str) and label for label in labels):
        raise _refuse(path, f"labels must be a list of at least two names, found {labels!r}")
    for label in labels:
        if cause := find_unsafe_text(label):
            raise _refuse(path, f"the label {label!a} {cause}")
    if len({label.lower() for label in labels}) != len(labels):
        raise _refuse(path, f"labels must differ, found {labels!r}")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise _refuse(path, f"threshold must be between 0 and 1, found {threshold!r}")
    return ModelSpec(
        name=name,
        sha256=str(found["sha256"]),
        input_size=(size[0], size[1]),
        preprocessing=Preprocessing(found["preprocessing"]),
        labels=tuple(labels),
        threshold=float(threshold),
    )


def _parse_json(path: Path, content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content.decode(), object_pairs_hook=partial(_unique, path))
    except UnicodeDecodeError:
        raise _refuse(path, "not UTF-8 text") from None
    except RecursionError:
        raise _refuse(path, "its JSON is nested too deeply") from None
    except ValueError as error:
        raise _refuse(path, f"not valid JSON ({error})") from None
    if not isinstance(found, dict) or sorted(found) != sorted(KEYS):
        raise _refuse(path, f"expected an object with the keys {', '.join(KEYS)}")
    return found


def _unique(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise _refuse(path, "a key is there twice")
    return dict(pairs)


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 4096


def _refuse(path: Path, cause: str) -> BatchPredictionsError:
    return BatchPredictionsError(f"model spec {path}: {cause}; fix it, or remove it to use the defaults")

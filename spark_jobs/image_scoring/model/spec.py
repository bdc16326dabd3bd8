"""The model spec: the JSON file beside a model that says how to feed and read it. Standard library only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from run_contract.errors import BatchPredictionsError
from run_contract.files import read_json, sha256_of, write_json

PREPROCESSING = ("tf", "torch", "caffe", "rescale", "none")


@dataclass(frozen=True)
class ModelSpec:
    """How to turn an image into a label.

    input_size: height and width in pixels.
    preprocessing: one of PREPROCESSING, the modes of Keras's `preprocess_input`.
    labels: for a single sigmoid output (negative, positive), else one per output, in order.
    threshold: a sigmoid above it means the positive label; not used with several outputs.
    """

    name: str
    sha256: str
    input_size: tuple[int, int] = (224, 224)
    preprocessing: str = "tf"
    labels: tuple[str, ...] = ("Cat", "Dog")
    threshold: float = 0.5

    @property
    def model_id(self) -> str:
        """What the column `model` of the predictions says."""
        return f"{self.name}@{self.sha256[:12]}"


def spec_path(model: Path) -> Path:
    return model.with_suffix(".json")


def load_spec(model: Path) -> tuple[ModelSpec, str]:
    """The spec of `model` and one line that says where it came from.

    Raises BatchPredictionsError when the spec is not valid or belongs to another file.
    """
    path = spec_path(model)
    sha256 = sha256_of(model)
    try:
        record = read_json(path)
    except ValueError as error:
        raise BatchPredictionsError(f"model spec {path}: not valid JSON ({error}); mend or remove it") from None
    if not path.exists():
        spec = ModelSpec(name=model.stem, sha256=sha256)
        return spec, (
            f"model {model.name}: no spec {path.name} beside it, taking the classic defaults "
            f"(224x224, preprocessing tf, labels Cat and Dog, threshold 0.5)"
        )
    spec = _parse(path, record, model.stem)
    if spec.sha256 != sha256:
        raise BatchPredictionsError(
            f"model {model}: its sha256 is {sha256[:12]}…, its spec {path.name} is for {spec.sha256[:12]}…; "
            "put the matching spec beside the model"
        )
    return spec, f"model {model.name}: spec {path.name}"


def save_spec(model: Path, spec: ModelSpec) -> None:
    record = asdict(spec)
    del record["name"]
    write_json(spec_path(model), record)


def _parse(path: Path, record: Any, name: str) -> ModelSpec:
    def refuse(what: str) -> BatchPredictionsError:
        return BatchPredictionsError(f"model spec {path}: {what}")

    expected = ("input_size", "preprocessing", "labels", "threshold", "sha256")
    if not isinstance(record, dict) or sorted(record) != sorted(expected):
        raise refuse(f"expected an object with the keys {', '.join(expected)}")
    size, labels, threshold = record["input_size"], record["labels"], record["threshold"]
    if not (isinstance(size, list) and len(size) == 2 and all(isinstance(n, int) and 0 < n <= 4096 for n in size)):
        raise refuse(f"input_size must be [height, width] in pixels, found {size!r}")
    if record["preprocessing"] not in PREPROCESSING:
        raise refuse(f"preprocessing must be one of {', '.join(PREPROCESSING)}, found {record['preprocessing']!r}")
    if not isinstance(labels, list) or len(labels) < 2 or not all(isinstance(x, str) and x for x in labels):
        raise refuse(f"labels must be a list of at least two names, found {labels!r}")
    if len({label.lower() for label in labels}) != len(labels):
        raise refuse(f"labels must differ, found {labels!r}")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise refuse(f"threshold must lie between 0 and 1, found {threshold!r}")
    return ModelSpec(
        name=name,
        sha256=str(record["sha256"]),
        input_size=(size[0], size[1]),
        preprocessing=record["preprocessing"],
        labels=tuple(labels),
        threshold=float(threshold),
    )

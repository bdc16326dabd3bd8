"""Where converted models are kept, and which of them have been found to answer as Keras does. Standard library only."""

from __future__ import annotations

from pathlib import Path

from image_scoring.model.spec import ModelSpec, load_spec
from run_contract.arguments import JobArguments
from run_contract.errors import BatchPredictionsError
from run_contract.layout import Workspace


def converted_directory(workspace: Workspace, spec: ModelSpec) -> Path:
    """Of one Keras file, for images of one size: a model may take any."""
    height, width = spec.input_size
    return workspace.converted_models / f"{spec.sha256}-openvino-{height}x{width}"


def verdict_file(directory: Path, precision: str) -> Path:
    """Written when the conversion was compared with Keras in this precision, and found equal."""
    return directory / f"verified-{precision}.json"


def quantized(model_xml: Path) -> Path:
    """The same model in int8; a directory of its own, so that both its files come into being at once."""
    return model_xml.parent / "int8" / model_xml.name


def calibration_file(directory: Path) -> Path:
    """Written when a cascade of this model was measured on this machine, and found worth it."""
    return directory / "calibrated.json"


def agreement_file(directory: Path) -> Path:
    """Written when the labels of this model in int8 were compared with those in f32 on this machine."""
    return directory / "agreement-int8.json"


def is_converted(arguments: JobArguments) -> bool:
    """Whether the engine of this run is ready, so that nothing but the cluster has to be waited for."""
    try:
        spec, _ = load_spec(Path(arguments.model))
    except (BatchPredictionsError, OSError):
        return False  # the job says what is wrong with it
    directory = converted_directory(Workspace(Path(arguments.workspace)), spec)
    ready = [verdict_file(directory, "f32")]
    if arguments.precision == "cascade":
        ready.append(calibration_file(directory))
    if arguments.precision == "int8":
        ready.append(agreement_file(directory))
    return arguments.engine != "tensorflow" and all(file.exists() for file in ready)

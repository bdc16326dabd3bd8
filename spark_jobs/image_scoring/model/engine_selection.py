"""Choose the engine of a run, on the driver, before its first wave."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.conversion import convert_once, keras_outputs
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.model_store import converted_model
from image_scoring.model.precision.cascade_calibration import calibrate
from image_scoring.model.precision.int8_agreement import measure_agreement
from image_scoring.model.precision.measurement import PrecisionRefused
from image_scoring.model.safety import check_model_safe
from image_scoring.model.spec import ModelSpec
from run_contract.errors import BatchPredictionsError
from run_contract.layout import Workspace

log = logging.getLogger(__name__)

# The precisions that are measured against f32; in the others a converted model is compared with Keras.
MEASURED = ("int8", "cascade")


def choose_engine(
    workspace: Workspace,
    model: Path,
    spec: ModelSpec,
    engine: str,
    precision: str,
    verification_images: Iterable[NDArray[np.float32]],
    calibration_images: Iterable[NDArray[np.float32]] = (),
) -> EngineChoice:
    """Return the engine and the precision for this run; convert, verify and measure the model where that is missing.

    engine: "auto" takes OpenVINO and falls back to TensorFlow, with one line in the log that gives the reason;
    "openvino" or "tensorflow" is taken or refused. precision: "int8" and "cascade" fall back to f32, with one line,
    where they cannot be measured or are not worth using.
    verification_images: preprocessed images (height, width, 3) on which the converted model is compared with Keras;
    iterated over only for a model that is new. calibration_images: such images for int8 and the cascade; iterated over
    several times, and only when a measurement is missing.
    Raises BatchPredictionsError.
    """
    load_images = cache(lambda: np.stack([*verification_images]))
    if engine == "tensorflow":
        return _choose_tensorflow(model, spec, precision, load_images)
    model_xml = converted_model(workspace, spec)
    try:
        convert_once(model, spec, model_xml, "f32" if precision in MEASURED else precision, load_images)
    except BatchPredictionsError:
        raise
    except Exception as error:  # a converter can fail in any way
        cause = " ".join(str(error).split())[:200]
        if engine == "openvino":
            raise BatchPredictionsError(
                f"model {model.name}: engine openvino cannot run it ({cause}); use engine auto or tensorflow"
            ) from error
        log.warning("model %s: engine openvino cannot run it (%s); using tensorflow", model.name, cause)
        return _choose_tensorflow(model, spec, "f32", load_images)
    if precision in MEASURED:
        return _choose_measured(model, spec, model_xml, precision, calibration_images)
    return EngineChoice("openvino", precision, str(model_xml))


def _choose_measured(
    model: Path, spec: ModelSpec, model_xml: Path, precision: str, images: Iterable[NDArray[np.float32]]
) -> EngineChoice:
    path = str(model_xml)
    try:
        if precision == "int8":
            return EngineChoice("openvino", "int8", path, agreement=measure_agreement(model_xml, spec, images).share)
        calibration = calibrate(model_xml, spec, images)
    except PrecisionRefused as reason:
        log.warning("model %s: precision %s is not used (%s); using f32", model.name, precision, reason)
        return EngineChoice("openvino", "f32", path)
    return EngineChoice("openvino", "cascade", path, calibration.band, spec.threshold, calibration.low)


def _choose_tensorflow(
    model: Path, spec: ModelSpec, precision: str, load_images: Callable[[], NDArray[np.float32]]
) -> EngineChoice:
    check_model_safe(model, spec.sha256)
    if precision != "f32":
        raise BatchPredictionsError(f"precision {precision}: engine tensorflow has f32 only; use engine openvino")
    choice = EngineChoice("tensorflow", "f32", str(model), sha256=spec.sha256)
    keras_outputs(model, spec, open_engine(choice).predict, load_images()[:1])
    return choice

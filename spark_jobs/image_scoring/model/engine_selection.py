"""On the driver, before the first wave: which engine this run uses, converted and checked against Keras."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.engines import TOLERANCE, EngineChoice, open_engine
from image_scoring.model.model_store import converted_directory, verdict_file
from image_scoring.model.output_labels import labels_of
from image_scoring.model.precision.cascade_calibration import NotCalibrated, calibrate
from image_scoring.model.precision.int8_agreement import measure_agreement
from image_scoring.model.safety import check_model_safe, refuse
from image_scoring.model.spec import ModelSpec
from run_contract.errors import BatchPredictionsError
from run_contract.files import read_json, replace_atomically, write_json
from run_contract.layout import Workspace

log = logging.getLogger(__name__)


CALIBRATED = ("int8", "cascade")
"""The precisions that a model is measured in before they are used; it is compared with Keras in f32."""

Images = Callable[[], NDArray[np.float32]]
"""A few preprocessed images (n, height, width, 3), read when they are asked for."""


class EngineMismatch(Exception):
    """The converted model does not answer as Keras does."""


def choose_engine(
    workspace: Workspace,
    model: Path,
    spec: ModelSpec,
    engine: str,
    precision: str,
    images: Iterable[NDArray[np.float32]],
    calibration_images: Iterable[NDArray[np.float32]] = (),
) -> EngineChoice:
    """The engine for this run.

    engine: "auto" takes OpenVINO and falls back to TensorFlow, with one line that says why; a named engine is
    taken or refused. precision: "int8" and "cascade" fall back to f32, with one line, where they cannot be calibrated
    or do not pay. images: a few preprocessed images (height, width, 3) to compare the two on, consumed only by a model
    that is new. calibration_images: more of them, as `SpreadImages` has them, only for an int8 or a cascade that is
    new.
    """
    few = cache(lambda: np.stack([*images]))
    if engine == "tensorflow":
        return _tensorflow(model, spec, precision, few)
    compiled = converted_directory(workspace, spec)
    try:
        _convert_once(model, spec, compiled, "f32" if precision in CALIBRATED else precision, few)
    except BatchPredictionsError:
        raise
    except Exception as error:  # a converter can fail in any way; the fallback is what matters
        cause = " ".join(str(error).split())[:200]
        if engine == "openvino":
            raise BatchPredictionsError(
                f"model {model.name}: engine openvino cannot run it ({cause}); use engine auto or tensorflow"
            ) from error
        log.warning("model %s: engine openvino does not fit (%s); using tensorflow", model.name, cause)
        return _tensorflow(model, spec, "f32", few)
    if precision in CALIBRATED:
        return _calibrated(model, spec, compiled / "model.xml", precision, calibration_images)
    return EngineChoice("openvino", precision, str(compiled / "model.xml"))


def _calibrated(
    model: Path, spec: ModelSpec, xml: Path, precision: str, images: Iterable[NDArray[np.float32]]
) -> EngineChoice:
    try:
        if precision == "int8":
            return EngineChoice("openvino", "int8", str(xml), agreement=measure_agreement(xml, spec, images).share)
        found = calibrate(xml, spec, images)
    except NotCalibrated as reason:
        log.warning("model %s: precision %s is not used (%s); using f32", model.name, precision, reason)
        return EngineChoice("openvino", "f32", str(xml))
    return EngineChoice("openvino", "cascade", str(xml), found.band, spec.threshold, found.low)


def _tensorflow(model: Path, spec: ModelSpec, precision: str, few: Images) -> EngineChoice:
    check_model_safe(model)
    if precision != "f32":
        raise BatchPredictionsError(f"precision {precision}: engine tensorflow has f32 only; use engine openvino")
    choice = EngineChoice("tensorflow", "f32", str(model))
    check_outputs(model, spec, _ask(model, spec, open_engine(choice).predict, few()[:1]))
    return choice


def _ask(
    model: Path, spec: ModelSpec, predict: Callable[[NDArray[np.float32]], Any], images: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The outputs of Keras. Refuses a model that does not take images of its spec's size."""
    try:
        return np.asarray(predict(images), dtype=np.float32)
    except Exception as error:  # Keras raises whatever the layer raises that the images do not fit
        height, width = spec.input_size
        cause = " ".join(str(error).split())[:200]
        raise refuse(model, f"it does not take images of {height}x{width}, as its spec says ({cause})") from error


def _convert_once(model: Path, spec: ModelSpec, compiled: Path, precision: str, few: Images) -> None:
    verdict = verdict_file(compiled, precision)
    if read_json(verdict) is not None:
        log.info("model %s: already converted and verified", model.name)
        return
    check_model_safe(model)
    images = few()
    from image_scoring.model.engines.tensorflow_engine import computes_in_half, load_keras

    keras_model = load_keras(model)
    if computes_in_half(keras_model):
        raise EngineMismatch("its layers compute in 16 bits, whose rounding only Keras repeats")
    expected = _ask(model, spec, partial(keras_model, training=False), images)
    check_outputs(model, spec, expected)
    if not (compiled / "model.xml").exists():
        with replace_atomically(compiled) as part:
            _convert(keras_model, spec.input_size, part)
    found = open_engine(EngineChoice("openvino", precision, str(compiled / "model.xml"))).predict(images)
    difference = float(np.max(np.abs(expected - found)))
    changed = int(np.sum(labels_of(expected, spec)[0] != labels_of(found, spec)[0]))
    if difference > TOLERANCE[precision] or (precision == "f32" and changed):
        raise EngineMismatch(
            f"on {len(images)} images its output differs from Keras's by up to {difference:.2g} "
            f"(allowed {TOLERANCE[precision]:g}) and changes {changed} labels"
        )
    write_json(verdict, {"images": len(images), "max_difference": difference, "labels_changed": changed})
    log.info(
        "model %s: converted to OpenVINO; on %d images the output differs from Keras's by at most %.1e",
        model.name,
        len(images),
        difference,
    )


def _convert(keras_model: Any, input_size: tuple[int, int], target: Path) -> None:
    """Writes model.xml and model.bin, with a batch of one, into the new directory `target`."""
    import openvino as ov
    import tensorflow as tf

    one_image = tf.TensorSpec([1, *input_size, 3], tf.float32)
    converted = ov.convert_model(tf.function(partial(keras_model, training=False)).get_concrete_function(one_image))
    target.mkdir()
    ov.save_model(converted, target / "model.xml", compress_to_fp16=False)


def check_outputs(model: Path, spec: ModelSpec, outputs: NDArray[np.float32]) -> None:
    """Refuses a model whose outputs (n, k) do not fit its spec."""
    expected = 1 if len(spec.labels) == 2 else len(spec.labels)
    if outputs.ndim != 2 or outputs.shape[1] not in {expected, len(spec.labels)}:
        shape = "x".join(str(n) for n in outputs.shape[1:])
        raise refuse(model, f"it has {shape} outputs, its spec has {len(spec.labels)} labels")
    if not np.all(np.isfinite(outputs)):
        raise refuse(model, "its output is not a number (NaN or infinite weights)")
    if outputs.min() < -1e-6 or outputs.max() > 1 + 1e-6:
        raise refuse(model, "its output is not a probability (end it with a sigmoid or softmax)")

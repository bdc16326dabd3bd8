"""Convert a Keras model to OpenVINO, once, and verify that it gives the outputs of Keras."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.engines.engine import TOLERANCE, EngineChoice
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.model_file import refuse
from image_scoring.model.model_store import VerificationRecord, read_stored, verification_file
from image_scoring.model.output_labels import labels_of
from image_scoring.model.safety import check_model_safe
from image_scoring.model.spec import ModelSpec
from run_contract.files import remove, replace_atomically
from run_contract.record import write_record

log = logging.getLogger(__name__)


class EngineMismatch(Exception):
    """A converted model whose outputs differ from those of Keras."""


def convert_once(
    model: Path,
    spec: ModelSpec,
    model_xml: Path,
    precision: str,
    load_images: Callable[[], NDArray[np.float32]],
) -> None:
    """Convert the Keras file `model` to `model_xml` and compare the two, unless that was done before.

    That the labels of the spec fit the outputs is checked each time.
    precision: in which the converted model is compared. load_images: returns preprocessed images
    (n, height, width, 3); called only for a comparison.
    Raises BatchPredictionsError for a model that is refused, EngineMismatch, and whatever the converter raises.
    """
    verification = verification_file(model_xml, precision)
    stored = read_stored(VerificationRecord, verification)
    if stored:
        _check_labels(model, spec, (stored.outputs,))
    if stored and stored.is_for(spec) and model_xml.exists():
        log.info("model %s: already converted and verified", model.name)
        return
    check_model_safe(model, spec.sha256)
    images = load_images()
    from image_scoring.model.engines.tensorflow_engine import computes_in_half, load_keras

    keras_model = load_keras(model, spec.sha256)
    if computes_in_half(keras_model):
        raise EngineMismatch("its layers compute in 16 bits, and only Keras rounds in the same way")
    expected = keras_outputs(model, spec, partial(keras_model, training=False), images)
    if not model_xml.exists():
        remove(model_xml.parent)  # what was verified and measured on a model that is gone
        with replace_atomically(model_xml.parent) as part:
            part.mkdir()
            _convert(keras_model, spec.input_size, part / model_xml.name)
    found = open_engine(EngineChoice("openvino", precision, str(model_xml))).predict(images)
    record = _compare(expected, found, spec, precision)
    write_record(verification, record)
    log.info(
        "model %s: converted to OpenVINO and verified; its outputs on %d images differ from Keras by at most %.1e",
        model.name,
        record.images,
        record.max_difference,
    )


def keras_outputs(
    model: Path, spec: ModelSpec, predict: Callable[[NDArray[np.float32]], Any], images: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the outputs (n, k) of Keras's `predict`, after checking that they fit the spec.

    Raises BatchPredictionsError for a model that does not take images of its spec's size, and for unfit outputs.
    """
    try:
        outputs = np.asarray(predict(images), dtype=np.float32)
    except Exception as error:  # the layer that the images do not fit can raise anything
        height, width = spec.input_size
        cause = " ".join(str(error).split())[:200]
        raise refuse(model, f"it does not take images of {height}x{width}, the size in its spec ({cause})") from error
    _check_outputs(model, spec, outputs)
    return outputs


def _check_outputs(model: Path, spec: ModelSpec, outputs: NDArray[np.float32]) -> None:
    _check_labels(model, spec, outputs.shape[1:])
    if not np.all(np.isfinite(outputs)):
        raise refuse(model, "its output is not a number (NaN or infinite weights)")
    if outputs.min() < -1e-6 or outputs.max() > 1 + 1e-6:
        raise refuse(model, "its output is not a probability (end the model with a sigmoid or softmax)")


def _check_labels(model: Path, spec: ModelSpec, shape: tuple[int, ...]) -> None:
    """Check the labels against the shape of the outputs of one image."""
    expected = 1 if len(spec.labels) == 2 else len(spec.labels)
    if len(shape) != 1 or shape[0] not in {expected, len(spec.labels)}:
        outputs = "x".join(str(n) for n in shape)
        raise refuse(model, f"it has {outputs} outputs, its spec has {len(spec.labels)} labels")


def _convert(keras_model: Any, input_size: tuple[int, int], target: Path) -> None:
    """Write the model for a batch of one image to `target`, model.xml, and its weights beside it."""
    import openvino as ov
    import tensorflow as tf

    one_image = tf.TensorSpec([1, *input_size, 3], tf.float32)
    converted = ov.convert_model(tf.function(partial(keras_model, training=False)).get_concrete_function(one_image))
    ov.save_model(converted, target, compress_to_fp16=False)


def _compare(
    expected: NDArray[np.float32], found: NDArray[np.float32], spec: ModelSpec, precision: str
) -> VerificationRecord:
    """Compare outputs (n, k) of the same images. Raises EngineMismatch."""
    difference = float(np.max(np.abs(expected - found)))
    changed = int(np.sum(labels_of(expected, spec)[0] != labels_of(found, spec)[0]))
    if not difference <= TOLERANCE[precision] or (precision == "f32" and changed):
        raise EngineMismatch(
            f"on {len(expected)} images its outputs differ from those of Keras by up to {difference:.2g} "
            f"(at most {TOLERANCE[precision]:g} is allowed) and {changed} labels change"
        )
    return VerificationRecord(len(spec.labels), spec.threshold, found.shape[1], len(expected), difference, changed)

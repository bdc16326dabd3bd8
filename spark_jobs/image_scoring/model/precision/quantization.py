"""Quantize a converted model to int8, on the driver, with NNCF's post-training quantization."""

from __future__ import annotations

import io
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.model_store import int8_model
from run_contract.files import exclusive, replace_atomically
from run_contract.formatting import duration

log = logging.getLogger(__name__)


def quantize_once(model_xml: Path, images: Iterable[NDArray[np.float32]]) -> None:
    """Write the int8 model beside `model_xml` unless it is there; a second driver waits for the first.

    images: preprocessed images (height, width, 3) that show the value ranges of the activations; iterated over only
    when the model is quantized, and all held in memory.
    Raises whatever NNCF raises, and ImportError where it is not installed.
    """
    target = int8_model(model_xml)
    with exclusive(model_xml.parent / ".int8.lock"):
        if target.exists():
            return
        sample = [image[np.newaxis] for image in images]
        log.info("quantizing the model to int8, once, with %d images; this takes half a minute or more", len(sample))
        start = time.monotonic()
        with replace_atomically(target.parent) as part, _silence():
            part.mkdir()
            _quantize(model_xml, sample, part / target.name)
        log.info("quantized the model in %s", duration(time.monotonic() - start))


def _quantize(model_xml: Path, sample: list[NDArray[np.float32]], target: Path) -> None:
    # NNCF sends usage data unless it finds itself in CI; it looks at this variable when it is imported.
    os.environ.setdefault("NNCF_CI", "1")
    import nncf  # not at the top: executors do not have it
    import openvino as ov

    logging.getLogger("nncf").setLevel(logging.ERROR)
    model = ov.Core().read_model(model_xml)
    # Fast bias correction leaves twice the difference, so that f32 would decide five times as many images.
    low = nncf.quantize(model, nncf.Dataset(sample), subset_size=len(sample), fast_bias_correction=False)
    # compress_to_fp16 would round the layers that stay in float.
    ov.save_model(low, target, compress_to_fp16=False)


@contextmanager
def _silence() -> Iterator[None]:
    """Discard what is printed: progress bars would spoil the log of a task and the output of measure_pace."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield

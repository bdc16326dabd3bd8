"""On the driver: a converted model in int8, by NNCF's post-training quantization. Executors never import NNCF."""

from __future__ import annotations

import io
import logging
import os
import time
from collections.abc import Iterable
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from image_scoring.model.model_store import quantized
from run_contract.files import exclusive, replace_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)


def quantize_once(model_xml: Path, images: Iterable[NDArray[np.float32]]) -> None:
    """Writes the int8 model beside `model_xml`, as a whole, if it is not there; two drivers at a time take turns.

    images: preprocessed images (height, width, 3) that show the ranges of the activations; consumed only by a model
    that is new, and all held in memory. Raises whatever NNCF raises, ImportError where it is not installed.
    """
    target = quantized(model_xml)
    with exclusive(model_xml.parent / ".int8.lock"):
        if target.exists():
            return
        sample = [image[np.newaxis] for image in images]
        log.info("quantizing the model to int8, once, on %d images; it takes half a minute or more", len(sample))
        start = time.monotonic()
        with replace_atomically(target.parent) as part, _silence():
            part.mkdir()
            _quantize(model_xml, sample, part / target.name)
        log.info("quantized in %.0f s", time.monotonic() - start)


def _quantize(model_xml: Path, sample: list[NDArray[np.float32]], target: Path) -> None:
    # NNCF reports its use to its makers unless it believes to be in CI, and it looks when it is imported.
    os.environ.setdefault("NNCF_CI", "1")
    import nncf
    import openvino as ov

    logging.getLogger("nncf").setLevel(logging.ERROR)
    model = ov.Core().read_model(model_xml)
    # The fast correction of the biases leaves twice the difference, and f32 would decide five times as many images.
    low = nncf.quantize(model, nncf.Dataset(sample), subset_size=len(sample), fast_bias_correction=False)
    # compress_to_fp16 would round the layers that stay in float.
    ov.save_model(low, target, compress_to_fp16=False)


@contextmanager
def _silence() -> Iterator[None]:
    """Progress bars do not belong into a task's log, nor between the lines that measure_pace prints."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield

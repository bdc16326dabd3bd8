"""OpenVINO on one core: the fast engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from image_scoring.model.engines.engine import EngineCounts
from image_scoring.model.model_store import int8_model

CPU_INFO = Path("/proc/cpuinfo")
# Instructions that multiply and add int8. OpenVINO does not report whether the CPU has them.
INT8_FLAGS = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"}


def is_native(precision: str) -> bool:
    """Return whether this CPU has instructions for "bf16" or "int8"; without them a low precision gains nothing."""
    if precision == "int8":
        return CPU_INFO.exists() and not INT8_FLAGS.isdisjoint(CPU_INFO.read_text().split())
    return precision.upper() in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def cpu_name() -> str:
    """Return the model of this CPU: the last bits of an output differ between models."""
    return str(ov.Core().get_property("CPU", "FULL_DEVICE_NAME"))


class OpenVinoEngine:
    """Runs a converted model one image at a time: on one core, a batch of one stays in the caches and is fastest."""

    batch_size = 1

    def __init__(self, model_xml: Path, precision: str) -> None:
        """Load a converted model.

        precision: "f32", "bf16", or "int8" for the quantized model beside `model_xml`.
        """
        is_int8 = precision == "int8"
        compiled = ov.Core().compile_model(
            int8_model(model_xml) if is_int8 else model_xml,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": 1,
                "NUM_STREAMS": 1,
                # With pinning, all processes of a machine would share its first core.
                "ENABLE_CPU_PINNING": False,
                # By default the plugin takes bf16 where the CPU has it, and labels near the threshold flip.
                # For int8, the hint applies to the layers that stay in float.
                "INFERENCE_PRECISION_HINT": "f32" if is_int8 else precision,
            },
        )
        self._request = compiled.create_infer_request()

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the outputs (n, k) for preprocessed images (n, height, width, 3)."""
        outputs = []
        for index in range(len(images)):
            results = self._request.infer([images[index : index + 1]], share_inputs=True, share_outputs=True)
            outputs.append(results[0].copy())  # the memory is shared: the next image overwrites it
        return np.concatenate(outputs)

    def take_counts(self) -> EngineCounts:
        """Return no counts."""
        return EngineCounts()

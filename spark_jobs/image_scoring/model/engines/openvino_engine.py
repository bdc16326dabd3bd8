"""OpenVINO on one core: the fast path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from image_scoring.model.engines import Counts
from image_scoring.model.model_store import quantized

CPU_INFO = Path("/proc/cpuinfo")
# Instructions that multiply and add int8; OpenVINO does not tell whether the CPU has them.
INT8_FLAGS = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"}


def is_native(precision: str) -> bool:
    """Whether this CPU computes in "bf16" or "int8" itself; where it does not, they gain nothing."""
    if precision == "int8":
        return CPU_INFO.exists() and not INT8_FLAGS.isdisjoint(CPU_INFO.read_text().split())
    return precision.upper() in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def platform_of_outputs() -> dict[str, str]:
    """What the last bits of an output depend on beside model and precision."""
    return {"cpu": ov.Core().get_property("CPU", "FULL_DEVICE_NAME"), "openvino": ov.__version__}


class OpenVinoEngine:
    """Runs a converted model image by image: on one core, a batch of one stays in the caches and is fastest."""

    batch_size = 1

    def __init__(self, model_xml: Path, precision: str) -> None:
        """precision: "f32", "bf16", or "int8" for the quantized model beside `model_xml`."""
        is_int8 = precision == "int8"
        compiled = ov.Core().compile_model(
            quantized(model_xml) if is_int8 else model_xml,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": 1,
                "NUM_STREAMS": 1,
                # Pinned, all processes of a machine would share its first core.
                "ENABLE_CPU_PINNING": False,
                # Left alone the plugin takes bf16 where the CPU has it, and labels near the threshold flip.
                # In int8 it is for the layers that were left in float.
                "INFERENCE_PRECISION_HINT": "f32" if is_int8 else precision,
            },
        )
        self._request = compiled.create_infer_request()

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs = []
        for index in range(len(images)):
            results = self._request.infer([images[index : index + 1]], share_inputs=True, share_outputs=True)
            outputs.append(results[0].copy())  # shared memory: the next image overwrites it
        return np.concatenate(outputs)

    def take_counts(self) -> Counts:
        return Counts()

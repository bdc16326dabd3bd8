"""OpenVINO on one core: the fast path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from image_scoring.engines import Counts


def has_native_bf16() -> bool:
    """Whether this CPU computes in bf16 itself; where it does not, bf16 gains nothing."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def platform_of_outputs() -> dict[str, str]:
    """What the last bits of an output depend on beside model and precision."""
    return {"cpu": ov.Core().get_property("CPU", "FULL_DEVICE_NAME"), "openvino": ov.__version__}


class OpenVinoEngine:
    """Runs a converted model image by image: on one core, a batch of one stays in the caches and is fastest."""

    batch_size = 1

    def __init__(self, model_xml: Path, precision: str) -> None:
        compiled = ov.Core().compile_model(
            model_xml,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": 1,
                "NUM_STREAMS": 1,
                # Pinned, all processes of a machine would share its first core.
                "ENABLE_CPU_PINNING": False,
                # Left alone the plugin takes bf16 where the CPU has it, and labels near the threshold flip.
                "INFERENCE_PRECISION_HINT": precision,
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

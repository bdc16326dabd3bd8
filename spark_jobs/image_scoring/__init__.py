"""The prediction job: from a manifest of image paths to a table of predictions."""

import sys

# OpenVINO sends usage data with this package, from a separate thread; without the package it sends nothing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

"""The prediction job: from a manifest of image paths to a table of predictions."""

import sys

# OpenVINO reports its use to the internet, from a thread of its own; where this package is missing it does not.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

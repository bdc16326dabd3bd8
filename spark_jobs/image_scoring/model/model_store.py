"""The model store: converted models, and the files that say what was verified and measured. Standard library only.

A file of the store that is damaged or of another version counts as missing: it is made again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from image_scoring.model.spec import ModelSpec
from image_scoring.model.versions import CONVERTER_PACKAGES, versions
from run_contract.layout import Workspace
from run_contract.record import Record, RecordError, parse_record

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class VerificationRecord(Record):
    """verified-<precision>.json: how far a converted model's outputs were from those of Keras.

    labels, threshold: of the spec that it was compared with: their number, and of a sigmoid. outputs: of the converted
    model, for one image. images: the number compared. max_difference: of an output. labels_changed: images with
    another label.
    """

    labels: int
    threshold: float
    outputs: int
    images: int
    max_difference: float
    labels_changed: int

    def is_for(self, spec: ModelSpec) -> bool:
        """Return whether it is valid for `spec`; what else it depends on is in the name of its directory."""
        return self.labels == len(spec.labels) and self.threshold == spec.threshold


R = TypeVar("R", bound=Record)


def read_stored(kind: type[R], path: Path) -> R | None:
    """Read a record of the store, or return None when it is missing or, with a line in the log, when it is damaged."""
    try:
        return parse_record(kind, path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("%s: cannot be read (%s); it is made again", path, error.strerror)
    except RecordError as error:
        log.warning("%s: %s; it is made again", path, error)
    return None


def converted_model(workspace: Workspace, spec: ModelSpec) -> Path:
    """Return the path of the converted model.xml.

    The name of its directory has all that the files in it depend on: the Keras file, the input size (a model can accept
    any size), the preprocessing (int8 is quantized, and outputs are compared, on preprocessed images) and the versions
    of the libraries that read, convert and run the model. If one of them changes, everything is made again.
    """
    height, width = spec.input_size
    libraries = sha256(repr(sorted(versions(CONVERTER_PACKAGES).items())).encode()).hexdigest()[:8]
    name = f"{spec.sha256}-openvino-{height}x{width}-{spec.preprocessing}-{libraries}"
    return workspace.converted_models / name / "model.xml"


def int8_model(model_xml: Path) -> Path:
    """Return the path of the same model in int8; it has its own directory so that both its files appear at once."""
    return model_xml.parent / "int8" / model_xml.name


def verification_file(model_xml: Path, precision: str) -> Path:
    """Return the path of the VerificationRecord for a precision; written when the model passed the comparison."""
    return model_xml.with_name(f"verified-{precision}.json")


def calibration_file(model_xml: Path) -> Path:
    """Return the path of the CalibrationRecord; written when a cascade was measured and found worth using."""
    return model_xml.with_name("calibrated.json")


def agreement_file(model_xml: Path) -> Path:
    """Return the path of the AgreementRecord; written when the labels in int8 were compared with those in f32."""
    return model_xml.with_name("agreement-int8.json")

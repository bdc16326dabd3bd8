"""The model store: converted models, and the files that say what was verified and measured. Standard library only.

A file of the store that is damaged or of another version counts as missing: it is made again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from image_scoring.model.spec import ModelSpec
from run_contract.layout import Workspace
from run_contract.record import Record, RecordError, parse_record

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class VerificationRecord(Record):
    """verified-<precision>.json: how far a converted model's outputs were from those of Keras.

    images: the number compared. max_difference: of an output. labels_changed: images with another label.
    """

    images: int
    max_difference: float
    labels_changed: int


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
    """Return the path of the converted model.xml for one Keras file and one input size: a model can accept any size."""
    height, width = spec.input_size
    return workspace.converted_models / f"{spec.sha256}-openvino-{height}x{width}" / "model.xml"


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

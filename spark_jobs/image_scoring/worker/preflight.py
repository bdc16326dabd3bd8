"""Check that a Python worker computes what the driver computes, before it scores its first image."""

from __future__ import annotations

import base64
import io
import json
import os
import socket
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from image_scoring.model.engines.engine import TOLERANCE, Engine, EngineChoice
from image_scoring.model.model_store import int8_model
from image_scoring.model.versions import versions
from run_contract.files import read_json, sha256_of, write_json

if TYPE_CHECKING:
    from image_scoring.model.spec import ModelSpec

ENVIRONMENT = "BATCH_PREDICTIONS_VERSIONS"
"""The environment variable that carries the driver's versions to the Python workers, as JSON."""


class PreflightError(Exception):
    """A worker that must not predict: its host, what was expected, what was found."""

    def __init__(self, what: str, expected: str, found: str, remedy: str) -> None:
        super().__init__(f"preflight: host {socket.gethostname()}: {what} {found} found, {expected} expected; {remedy}")


def check_versions(expected: dict[str, str], found: dict[str, str]) -> None:
    """Raises PreflightError at the first difference."""
    for name, wanted in expected.items():
        if found.get(name) != wanted:
            raise PreflightError(
                name, wanted, found.get(name, "none"), "give its Spark worker the environment of requirements.lock"
            )


def check_environment() -> None:
    """Compares this interpreter with the versions that the driver wrote into ENVIRONMENT, if it did."""
    expected = json.loads(os.environ.get(ENVIRONMENT, "{}"))
    check_versions(expected, versions(tuple(expected)))


@dataclass(frozen=True)
class GoldenImage:
    """One picture and what the driver makes of it.

    picture: a JPEG, base64; pixels_sha256: of the decoded and resized picture; outputs: of the engine, one per unit;
    model_sha256: of the file that the engine opens, and of its weights.
    """

    picture: str
    pixels_sha256: str
    outputs: tuple[float, ...]
    model_sha256: str


def load_golden_image(spec: ModelSpec, choice: EngineChoice, converted_models: Path) -> GoldenImage:
    """The golden image for this engine, made at its first use on the driver and kept below `converted_models`."""
    settings = sha256(repr((spec, choice)).encode()).hexdigest()[:16]
    cache = converted_models / f"golden-{settings}.json"
    known = read_json(cache)
    model_sha256 = hash_model(choice)
    if known and known["model_sha256"] == model_sha256:
        return GoldenImage(**{**known, "outputs": tuple(known["outputs"])})
    from image_scoring.model.engines.opening import open_engine

    picture = draw_picture()
    pixels, outputs = _predict(picture, spec, open_engine(choice))
    golden_image = GoldenImage(base64.b64encode(picture).decode(), pixels, outputs, model_sha256)
    write_json(cache, asdict(golden_image))
    return golden_image


def check_model(golden_image: GoldenImage, choice: EngineChoice) -> None:
    """Raises PreflightError when this worker sees another model file than the driver."""
    found = hash_model(choice)
    if found != golden_image.model_sha256:
        raise PreflightError(
            f"model {choice.path}: sha256",
            golden_image.model_sha256[:12],
            found[:12],
            "mount the driver's workspace there",
        )


def check_engine(golden_image: GoldenImage, spec: ModelSpec, choice: EngineChoice, engine: Engine) -> None:
    """Raises PreflightError when the golden image comes out differently from the driver."""
    pixels, outputs = _predict(base64.b64decode(golden_image.picture), spec, engine)
    remedy = "compare its libraries and its processor with the driver's"
    if pixels != golden_image.pixels_sha256:
        raise PreflightError("the golden image's pixels", golden_image.pixels_sha256[:12], pixels[:12], remedy)
    tolerance = TOLERANCE[choice.precision]
    # NaN is close to nothing, wherever it stands.
    if not all(abs(here - there) <= tolerance for here, there in zip(outputs, golden_image.outputs, strict=True)):
        raise PreflightError("the golden image's outputs", _text(golden_image.outputs), _text(outputs), remedy)


def hash_model(choice: EngineChoice) -> str:
    """Of the model file, and of the weights beside it that OpenVINO keeps apart; those in int8, too, if used."""
    path = Path(choice.path)
    models = [path, int8_model(path)] if "int8" in choice.precisions else [path]
    files = [file for model in models for file in (model, model.with_suffix(".bin"))]
    digests = [sha256_of(file) for file in files if file.exists()]
    return digests[0] if len(digests) == 1 else sha256("".join(digests).encode()).hexdigest()


def draw_picture() -> bytes:
    """A JPEG of 320x240 with edges, gradients and fine detail, so that decoder, resizing and model all matter."""
    import numpy as np
    from PIL import Image

    y, x = np.mgrid[0:240, 0:320]
    disc = 255 * ((x - 160) ** 2 + (y - 120) ** 2 < 80**2)
    pixels = np.stack([x * 255 // 319, y * 255 // 239, np.where(disc, 255 - (x * y) % 200, (x ^ y) % 256)], axis=-1)
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _predict(picture: bytes, spec: ModelSpec, engine: Engine) -> tuple[str, tuple[float, ...]]:
    from image_scoring.images.decoding import decode_image
    from image_scoring.images.preprocessing import preprocess

    pixels = decode_image(picture, spec.input_size)
    outputs = engine.predict(preprocess(pixels, spec.preprocessing)[None])
    return sha256(pixels.tobytes()).hexdigest(), tuple(float(value) for value in outputs[0])


def _text(outputs: tuple[float, ...]) -> str:
    return "/".join(f"{value:.4f}" for value in outputs)

"""Check that a Python worker computes what the driver computes: both predict the same image, the golden image."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from image_scoring.images.decoding import decode_image
from image_scoring.images.preprocessing import preprocess
from image_scoring.model.engines.engine import TOLERANCE, Engine, EngineChoice
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.model_store import int8_model, read_stored
from image_scoring.model.spec import ModelSpec
from image_scoring.model.versions import expected_versions
from image_scoring.worker.preflight import PreflightError
from run_contract.files import sha256_of
from run_contract.record import Record, write_record


@dataclass(frozen=True)
class GoldenImage(Record):
    """An image and what the driver makes of it.

    jpeg: the file, base64. pixels_sha256: of the decoded and resized image. outputs: of the engine, one for each unit.
    model_sha256: of the files that the engine opens.
    """

    jpeg: str
    pixels_sha256: str
    outputs: tuple[float, ...]
    model_sha256: str


def load_golden_image(spec: ModelSpec, choice: EngineChoice, converted_models: Path) -> GoldenImage:
    """Return the golden image for an engine. The driver makes it once and keeps it in a file.

    It is made again for another model file, spec or choice, and for other versions of the libraries that decode and
    predict it. Another processor of the driver changes it by less than the tolerance that workers are granted.
    """
    settings = sha256(repr((spec, choice, expected_versions(choice.name))).encode()).hexdigest()[:16]
    cache = converted_models / f"golden-{settings}.json"
    known = read_stored(GoldenImage, cache)
    model_sha256 = hash_model(choice)
    if known and known.model_sha256 == model_sha256:
        return known
    jpeg = draw_golden_image()
    pixels_sha256, outputs = _predict(jpeg, spec, open_engine(choice))
    golden_image = GoldenImage(base64.b64encode(jpeg).decode(), pixels_sha256, outputs, model_sha256)
    write_record(cache, golden_image)
    return golden_image


def check_model(golden_image: GoldenImage, choice: EngineChoice) -> None:
    """Raise PreflightError when this worker has another model file than the driver."""
    expected, found = golden_image.model_sha256, hash_model(choice)
    if found != expected:
        raise PreflightError(
            f"model {choice.path}: sha256", expected[:12], found[:12], "mount the driver's workspace there"
        )


def check_engine(golden_image: GoldenImage, spec: ModelSpec, choice: EngineChoice, engine: Engine) -> None:
    """Raise PreflightError when this worker decodes the golden image or predicts it differently from the driver."""
    pixels_sha256, outputs = _predict(base64.b64decode(golden_image.jpeg), spec, engine)
    next_step = "compare its libraries and its processor with the driver's"
    if pixels_sha256 != golden_image.pixels_sha256:
        raise PreflightError(
            "the golden image's pixels", golden_image.pixels_sha256[:12], pixels_sha256[:12], next_step
        )
    tolerance = TOLERANCE[choice.precision]
    # Written so that NaN, which no comparison accepts, is refused.
    if not all(abs(here - there) <= tolerance for here, there in zip(outputs, golden_image.outputs, strict=True)):
        raise PreflightError("the golden image's outputs", _text(golden_image.outputs), _text(outputs), next_step)


def hash_model(choice: EngineChoice) -> str:
    """Return the sha256 of the files that the engine opens: OpenVINO keeps weights apart, int8 is a second model."""
    path = Path(choice.path)
    models = [path, int8_model(path)] if "int8" in choice.precisions else [path]
    files = [file for model in models for file in (model, model.with_suffix(".bin"))]
    digests = [sha256_of(file) for file in files if file.exists()]
    return digests[0] if len(digests) == 1 else sha256("".join(digests).encode()).hexdigest()


def draw_golden_image() -> bytes:
    """Return a JPEG of 320x240 with edges, gradients and fine detail: decoder, resizing and model all matter."""
    y, x = np.mgrid[0:240, 0:320]
    disc = 255 * ((x - 160) ** 2 + (y - 120) ** 2 < 80**2)
    pixels = np.stack([x * 255 // 319, y * 255 // 239, np.where(disc, 255 - (x * y) % 200, (x ^ y) % 256)], axis=-1)
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _predict(jpeg: bytes, spec: ModelSpec, engine: Engine) -> tuple[str, tuple[float, ...]]:
    """Return the sha256 of the pixels, and the outputs."""
    pixels = decode_image(jpeg, spec.input_size)
    outputs = engine.predict(preprocess(pixels, spec.preprocessing)[None])
    return sha256(pixels.tobytes()).hexdigest(), tuple(float(value) for value in outputs[0])


def _text(outputs: tuple[float, ...]) -> str:
    return "/".join(f"{value:.4f}" for value in outputs)

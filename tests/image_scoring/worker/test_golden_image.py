"""A worker that computes something else than the driver is refused, in one line with what was expected and found."""

from __future__ import annotations

import io
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from image_scoring.images.preprocessing_mode import Preprocessing
from image_scoring.model import versions
from image_scoring.model.engines.engine import TOLERANCE, EngineChoice
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.model_store import int8_model
from image_scoring.worker.golden_image import (
    GoldenImage,
    check_engine,
    check_model,
    draw_golden_image,
    hash_model,
    load_golden_image,
)
from run_contract.arguments import PRECISIONS
from run_contract.record import write_record
from tests.image_scoring.brightness_model import SPEC, save_brightness
from tests.image_scoring.worker.refusal import refusal

NAN = float("nan")


@pytest.fixture
def choice(tmp_path: Path) -> EngineChoice:
    return save_brightness(tmp_path / "model" / "model.xml")


@pytest.fixture
def golden_image(choice: EngineChoice, tmp_path: Path) -> GoldenImage:
    return load_golden_image(SPEC, choice, tmp_path)


@pytest.mark.parametrize("suffix", [".xml", ".bin"])
def test_another_model_file_is_refused(suffix: str, choice: EngineChoice, golden_image: GoldenImage) -> None:
    check_model(golden_image, choice)
    with open(Path(choice.path).with_suffix(suffix), "ab") as file:
        file.write(b" ")
    found = hash_model(choice)
    text = refusal(lambda: check_model(golden_image, choice))
    assert text.startswith(
        f"model {choice.path}: sha256 {found[:12]} found, {golden_image.model_sha256[:12]} expected; mount "
    )


def test_a_model_file_that_is_not_there_is_refused(choice: EngineChoice, golden_image: GoldenImage) -> None:
    for suffix in (".xml", ".bin"):
        Path(choice.path).with_suffix(suffix).unlink()
    assert str(choice.path) in refusal(lambda: check_model(golden_image, choice))


def test_other_pixels_are_refused(choice: EngineChoice, golden_image: GoldenImage) -> None:
    check_engine(golden_image, SPEC, choice, open_engine(choice))
    other = replace(golden_image, pixels_sha256="f" * 64)
    text = refusal(lambda: check_engine(other, SPEC, choice, open_engine(choice)))
    assert text.startswith(
        f"the golden image's pixels {golden_image.pixels_sha256[:12]} found, ffffffffffff expected; compare "
    )


def test_outputs_may_differ_as_far_as_the_precision_allows(choice: EngineChoice, golden_image: GoldenImage) -> None:
    engine = open_engine(choice)
    (here,) = golden_image.outputs
    for precision in PRECISIONS:
        chosen = replace(choice, precision=precision)
        near, far = 0.9 * TOLERANCE[precision], 1.1 * TOLERANCE[precision]
        for sign in (-1, 1):
            check_engine(replace(golden_image, outputs=(here + sign * near,)), SPEC, chosen, engine)
            other = replace(golden_image, outputs=(here + sign * far,))
            text = refusal(lambda other=other, chosen=chosen: check_engine(other, SPEC, chosen, engine))  # type: ignore[misc]
            assert text.startswith(
                f"the golden image's outputs {here:.4f} found, {here + sign * far:.4f} expected; compare "
            )


@pytest.mark.parametrize("gains", [(NAN,), (NAN, 1.0), (1.0, NAN), (NAN, NAN)])
def test_outputs_that_are_no_numbers_are_refused(gains: tuple[float, ...], tmp_path: Path) -> None:
    good = save_brightness(tmp_path / "good" / "model.xml", (1.0,) * len(gains))
    golden_image = load_golden_image(SPEC, good, tmp_path)
    broken = save_brightness(tmp_path / "broken" / "model.xml", gains)
    text = refusal(lambda: check_engine(golden_image, SPEC, broken, open_engine(broken)))
    assert text.startswith("the golden image's outputs ")
    assert "nan" in text


def test_the_golden_image_is_made_once(choice: EngineChoice, golden_image: GoldenImage, tmp_path: Path) -> None:
    (cache,) = tmp_path.glob("golden-*.json")
    made = cache.stat()
    assert load_golden_image(SPEC, choice, tmp_path) == golden_image
    assert hash(load_golden_image(SPEC, choice, tmp_path)) == hash(golden_image)
    again = cache.stat()
    assert (again.st_ino, again.st_mtime_ns) == (made.st_ino, made.st_mtime_ns)


def test_another_model_or_spec_has_another_golden_image(
    choice: EngineChoice, golden_image: GoldenImage, tmp_path: Path
) -> None:
    other_spec = load_golden_image(replace(SPEC, input_size=(4, 6), preprocessing=Preprocessing.NONE), choice, tmp_path)
    assert other_spec.outputs[0] == pytest.approx(golden_image.outputs[0] * 255, rel=1e-5)
    assert len(list(tmp_path.glob("golden-*.json"))) == 2
    save_brightness(Path(choice.path), (0.5,))
    other_model = load_golden_image(SPEC, choice, tmp_path)
    assert other_model.outputs[0] == pytest.approx(golden_image.outputs[0] / 2, rel=1e-5)
    assert other_model.model_sha256 == hash_model(choice) != golden_image.model_sha256
    assert load_golden_image(SPEC, choice, tmp_path) == other_model


@pytest.mark.parametrize("package", ["pillow", "numpy", "openvino"])
def test_other_libraries_make_it_again(
    package: str, choice: EngineChoice, golden_image: GoldenImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache,) = tmp_path.glob("golden-*.json")
    write_record(cache, replace(golden_image, pixels_sha256="f" * 64))  # as other libraries had decoded it
    monkeypatch.setattr(versions, "version", lambda name: "99.0" if name == package else version(name))
    assert load_golden_image(SPEC, choice, tmp_path) == golden_image


def test_a_damaged_file_is_made_again(choice: EngineChoice, golden_image: GoldenImage, tmp_path: Path) -> None:
    (cache,) = tmp_path.glob("golden-*.json")
    cache.write_text("{")
    assert load_golden_image(SPEC, choice, tmp_path) == golden_image


def test_the_golden_image_can_be_decoded_and_is_the_same_each_time() -> None:
    jpeg = draw_golden_image()
    assert sha256(draw_golden_image()).digest() == sha256(jpeg).digest()
    with Image.open(io.BytesIO(jpeg)) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (320, 240), "RGB")
        assert np.asarray(image).std(axis=(0, 1)).min() > 20  # there is detail in each colour channel


@pytest.mark.parametrize("suffix", [".xml", ".bin"])
def test_the_int8_model_counts_where_it_is_used(suffix: str, choice: EngineChoice) -> None:
    alone = hash_model(choice)
    low = int8_model(Path(choice.path)).with_suffix(suffix)
    low.parent.mkdir()
    low.write_text("int8")
    assert hash_model(choice) == hash_model(replace(choice, band=1.0, low="bf16")) == alone
    cascade = replace(choice, precision="cascade", band=1.0, low="int8")
    first = hash_model(cascade)
    low.write_text("another")
    assert len({alone, first, hash_model(cascade)}) == 3

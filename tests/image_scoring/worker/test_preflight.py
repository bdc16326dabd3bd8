"""A worker that is not the driver's twin says on which host, what was expected and what was found."""

from __future__ import annotations

import io
import json
import platform
import socket
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from image_scoring.images.preprocessing_mode import Preprocessing
from image_scoring.model.engines.engine import TOLERANCE, EngineChoice
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.model_store import int8_model
from image_scoring.model.versions import expected_versions, versions
from image_scoring.worker.preflight import (
    ENVIRONMENT,
    GoldenImage,
    PreflightError,
    check_engine,
    check_environment,
    check_model,
    check_versions,
    draw_picture,
    hash_model,
    load_golden_image,
)
from run_contract.arguments import PRECISIONS
from tests.image_scoring.brightness_model import SPEC, save_brightness

NAN = float("nan")
HOST = f"preflight: host {socket.gethostname()}: "


@pytest.fixture
def choice(tmp_path: Path) -> EngineChoice:
    return save_brightness(tmp_path / "model" / "model.xml")


@pytest.fixture
def golden_image(choice: EngineChoice, tmp_path: Path) -> GoldenImage:
    return load_golden_image(SPEC, choice, tmp_path)


def refusal(check: Callable[[], None]) -> str:
    with pytest.raises(PreflightError) as error:
        check()
    text = str(error.value)
    assert text.startswith(HOST)
    assert "\n" not in text
    return text.removeprefix(HOST)


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
def test_the_driver_is_its_own_twin(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = expected_versions(engine)
    assert expected["Python"] == ".".join(platform.python_version_tuple()[:2])
    assert expected["numpy"] == np.__version__
    assert [value for name, value in expected.items() if name.startswith(engine) and value != "none"]
    monkeypatch.setenv(ENVIRONMENT, json.dumps(expected))
    check_environment()
    monkeypatch.delenv(ENVIRONMENT)
    check_environment()


@pytest.mark.parametrize("name", ["Python", "numpy", "pandas", "pillow", "pyarrow", "pyspark", "openvino"])
def test_each_other_version_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = expected_versions("openvino")
    monkeypatch.setenv(ENVIRONMENT, json.dumps({**here, name: "0.1"}))
    assert refusal(check_environment).startswith(f"{name} {here[name]} found, 0.1 expected; ")


def test_a_package_that_is_missing_is_found_as_none() -> None:
    found = versions(("no-such-package-at-all",))
    assert found == {"no-such-package-at-all": "none"}
    text = refusal(lambda: check_versions({"no-such-package-at-all": "2.0"}, found))
    assert text.startswith("no-such-package-at-all none found, 2.0 expected; ")
    assert refusal(lambda: check_versions({"numpy": "2.0"}, {})).startswith("numpy none found, 2.0 expected; ")


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


def test_the_golden_picture_is_made_once(choice: EngineChoice, golden_image: GoldenImage, tmp_path: Path) -> None:
    (cache,) = tmp_path.glob("golden-*.json")
    made = cache.stat()
    assert load_golden_image(SPEC, choice, tmp_path) == golden_image
    assert hash(load_golden_image(SPEC, choice, tmp_path)) == hash(golden_image)
    again = cache.stat()
    assert (again.st_ino, again.st_mtime_ns) == (made.st_ino, made.st_mtime_ns)


def test_another_model_or_spec_makes_it_anew(choice: EngineChoice, golden_image: GoldenImage, tmp_path: Path) -> None:
    other_spec = load_golden_image(replace(SPEC, input_size=(4, 6), preprocessing=Preprocessing.NONE), choice, tmp_path)
    assert other_spec.outputs[0] == pytest.approx(golden_image.outputs[0] * 255, rel=1e-5)
    assert len(list(tmp_path.glob("golden-*.json"))) == 2
    save_brightness(Path(choice.path), (0.5,))
    other_model = load_golden_image(SPEC, choice, tmp_path)
    assert other_model.outputs[0] == pytest.approx(golden_image.outputs[0] / 2, rel=1e-5)
    assert other_model.model_sha256 == hash_model(choice) != golden_image.model_sha256
    assert load_golden_image(SPEC, choice, tmp_path) == other_model


def test_the_picture_can_be_decoded_and_is_the_same_each_time() -> None:
    picture = draw_picture()
    assert sha256(draw_picture()).digest() == sha256(picture).digest()
    with Image.open(io.BytesIO(picture)) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (320, 240), "RGB")
        assert np.asarray(image).std(axis=(0, 1)).min() > 20  # something to see in each colour


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

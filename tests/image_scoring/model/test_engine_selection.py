"""Which engine a run uses, and that the fast one gives the outputs of Keras."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from image_scoring.images.loading import load_image
from image_scoring.images.preprocessing import preprocess
from image_scoring.images.preprocessing_mode import Preprocessing
from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines import openvino_engine
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.output_labels import labels_of
from image_scoring.model.spec import load_spec
from run_contract.errors import BatchPredictionsError
from run_contract.layout import Workspace
from tests.helpers import MODEL, SAMPLE, noise, save_model, spec_of

SMALL = preprocess(np.stack([noise(16, 16, seed=seed) for seed in range(3)]), Preprocessing.TF)


def sample_images(count: int) -> NDArray[np.float32]:
    """Return valid images of the sample, half of them cats, half of them dogs."""
    paths = sorted(SAMPLE.glob("*/cat.*"))[: count // 2] + sorted(SAMPLE.glob("*/dog.*"))[: count // 2]
    return np.stack([load_image(os.fsencode(path), (224, 224), Preprocessing.TF) for path in paths])


def test_openvino_gives_the_outputs_of_keras_and_converts_once(tmp_path: Path) -> None:
    workspace, (spec, _), images = Workspace(tmp_path), load_spec(MODEL), sample_images(12)
    choice = choose_engine(workspace, MODEL, spec, "auto", "f32", images)
    assert (choice.name, choice.precision) == ("openvino", "f32")
    assert Path(choice.path).is_relative_to(workspace.converted_models)

    engine = open_engine(choice)
    found = engine.predict(images)
    np.testing.assert_array_equal(engine.predict(images[5:6]), found[5:6])  # the same alone as among others
    expected = open_engine(EngineChoice("tensorflow", "f32", str(MODEL))).predict(images)
    assert found.shape == expected.shape == (12, 1)
    assert found.dtype == expected.dtype == np.float32
    assert np.abs(found - expected).max() <= 1e-3
    assert list(labels_of(found, spec)[0]) == list(labels_of(expected, spec)[0])
    assert len(set(labels_of(found, spec)[0])) == 2

    model_xml = Path(choice.path)
    before = model_xml.stat()
    assert choose_engine(workspace, MODEL, spec, "openvino", "f32", images) == choice
    after = model_xml.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_softmax_over_three_labels(tmp_path: Path) -> None:
    model = save_model(tmp_path / "three.keras", units=3, activation="softmax")
    spec = spec_of(model, ("Cat", "Dog", "Owl"))
    choice = choose_engine(Workspace(tmp_path), model, spec, "openvino", "f32", SMALL)
    found = open_engine(choice).predict(SMALL)
    assert found.shape == (3, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(
        found, open_engine(EngineChoice("tensorflow", "f32", str(model))).predict(SMALL), atol=1e-5
    )


@pytest.mark.slow
def test_a_file_that_keras_2_wrote(tmp_path: Path) -> None:
    """The classic model: MobileNetV2, whose layers Keras 3 does not read from such a file."""
    import tf_keras

    backbone = tf_keras.applications.MobileNetV2(
        (96, 96, 3), alpha=0.35, include_top=False, weights=None, pooling="avg"
    )
    keras_2 = tf_keras.Sequential([backbone, tf_keras.layers.Dense(1, activation="sigmoid")])
    model = tmp_path / "classic.h5"
    with pytest.warns(UserWarning, match="saving your model as an HDF5 file"):
        keras_2.save(model)
    images = np.random.default_rng(20).uniform(-1, 1, (4, 96, 96, 3)).astype(np.float32)
    choice = choose_engine(Workspace(tmp_path), model, spec_of(model, size=96), "openvino", "f32", images)
    expected = keras_2(images, training=False).numpy()
    np.testing.assert_allclose(open_engine(choice).predict(images), expected, atol=1e-5)


def nan_model(path: Path) -> Path:
    import keras

    save_model(path)
    model: Any = keras.models.load_model(path)
    model.layers[-1].set_weights([np.full_like(weight, np.nan) for weight in model.layers[-1].get_weights()])
    model.save(path)
    return path


@pytest.mark.parametrize("engine", ["auto", "openvino", "tensorflow"])
def test_weights_that_are_nan_are_refused(engine: str, tmp_path: Path) -> None:
    model = nan_model(tmp_path / "nan.keras")
    with pytest.raises(BatchPredictionsError, match="not a number"):
        choose_engine(Workspace(tmp_path), model, spec_of(model), engine, "f32", SMALL)


@pytest.mark.parametrize("engine", ["auto", "tensorflow"])
@pytest.mark.parametrize(
    ("units", "activation", "labels", "cause"),
    [
        (3, "softmax", ("Cat", "Dog"), "it has 3 outputs, its spec has 2 labels"),
        (1, "sigmoid", ("Cat", "Dog", "Owl"), "it has 1 outputs, its spec has 3 labels"),
        (3, None, ("Cat", "Dog", "Owl"), "not a probability"),
    ],
)
def test_outputs_that_do_not_fit_the_spec_are_refused(
    units: int, activation: str | None, labels: tuple[str, ...], cause: str, engine: str, tmp_path: Path
) -> None:
    model = save_model(tmp_path / "model.keras", units, activation)
    with pytest.raises(BatchPredictionsError, match=cause) as error:
        choose_engine(Workspace(tmp_path), model, spec_of(model, labels), engine, "f32", SMALL)
    assert str(model) in str(error.value)


@pytest.mark.parametrize("engine", ["auto", "openvino", "tensorflow"])
def test_a_model_for_images_of_another_size_is_refused(engine: str, tmp_path: Path) -> None:
    import keras

    model = tmp_path / "flat.keras"
    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")]
    keras.Sequential(layers).save(model)
    with pytest.raises(BatchPredictionsError, match="does not take images of 16x16"):
        choose_engine(Workspace(tmp_path), model, spec_of(model), engine, "f32", SMALL)


@pytest.mark.parametrize("precision", ["bf16", "cascade"])
def test_tensorflow_has_f32_only(precision: str, tmp_path: Path) -> None:
    model = save_model(tmp_path / "model.keras")
    with pytest.raises(BatchPredictionsError, match=f"precision {precision}: engine tensorflow has f32 only"):
        choose_engine(Workspace(tmp_path), model, spec_of(model), "tensorflow", precision, SMALL)


@pytest.mark.parametrize(
    ("native", "cause"),
    [(True, "only 3 images can be decoded"), (False, "the CPU of the driver has no int8 and no bf16")],
)
def test_a_cascade_that_cannot_be_used_becomes_f32(
    native: bool, cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(openvino_engine, "is_native", lambda precision: native)
    model, workspace = save_model(tmp_path / "model.keras"), Workspace(tmp_path / "workspace")
    choice = choose_engine(workspace, model, spec_of(model), "auto", "cascade", SMALL, SMALL)
    assert (choice.name, choice.precision, choice.band) == ("openvino", "f32", None)
    (line,) = [record.getMessage() for record in caplog.records if "cascade" in record.getMessage()]
    assert line.startswith(f"model model.keras: precision cascade is not used ({cause}")
    assert line.endswith("; using f32")


def test_tensorflow_is_used_on_request_and_converts_nothing(tmp_path: Path) -> None:
    model, workspace = save_model(tmp_path / "model.keras"), Workspace(tmp_path / "workspace")
    choice = choose_engine(workspace, model, spec_of(model), "tensorflow", "f32", SMALL)
    assert choice == EngineChoice("tensorflow", "f32", str(model), sha256=spec_of(model).sha256)
    assert not workspace.converted_models.exists()


@pytest.mark.parametrize("engine", ["auto", "openvino", "tensorflow"])
def test_no_engine_opens_an_unsafe_model(engine: str, tmp_path: Path) -> None:
    model = tmp_path / "model.h5"
    model.write_text("no model")
    with pytest.raises(BatchPredictionsError, match="not a Keras model"):
        choose_engine(Workspace(tmp_path), model, spec_of(model), engine, "f32", SMALL)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags : fpu avx512f avx512_vnni", True),
        ("flags : fpu avx2 avx_vnni", True),
        ("Features : fp asimd asimddp", True),
        ("flags : fpu avx512f", False),
        ("flags : fpu not_avx512_vnni", False),
        (None, False),
    ],
)
def test_int8_needs_a_cpu_that_multiplies_it(
    flags: str | None, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu_info = tmp_path / "cpuinfo"
    if flags is not None:
        cpu_info.write_text(f"processor : 0\n{flags}\n")
    monkeypatch.setattr(openvino_engine, "CPU_INFO", cpu_info)
    assert openvino_engine.is_native("int8") is expected

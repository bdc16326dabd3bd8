"""The quantization of a converted model: once, in silence, and whole or not at all."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.model_store import int8_model
from image_scoring.model.precision import quantization as module
from image_scoring.model.precision.quantization import quantize_once
from run_contract.layout import Workspace
from tests.helpers import save_model, spec_of
from tests.integration.commands import project_path

Images = NDArray[np.float32]


def random_images(count: int = 30) -> Iterator[Images]:
    yield from np.random.default_rng(20).uniform(-1, 1, (count, 16, 16, 3)).astype(np.float32)


@pytest.fixture
def model_xml(tmp_path: Path) -> Path:
    model = save_model(tmp_path / "model.keras")
    choice = choose_engine(Workspace(tmp_path), model, spec_of(model), "openvino", "f32", random_images(2))
    return Path(choice.path)


def test_the_outputs_of_the_quantized_model_are_close(model_xml: Path) -> None:
    quantize_once(model_xml, random_images())
    weights = int8_model(model_xml).with_suffix(".bin")
    assert 0 < weights.stat().st_size < model_xml.with_suffix(".bin").stat().st_size
    images = np.stack(list(random_images()))
    low, high = (
        open_engine(EngineChoice("openvino", precision, str(model_xml))).predict(images)
        for precision in ("int8", "f32")
    )
    assert low.shape == high.shape == (30, 1)
    assert 0 < np.abs(low - high).max() < 0.05


def test_it_is_made_once(model_xml: Path) -> None:
    quantize_once(model_xml, random_images())
    made = int8_model(model_xml).stat()
    quantize_once(model_xml, iter(()))
    again = int8_model(model_xml).stat()
    assert (again.st_ino, again.st_mtime_ns) == (made.st_ino, made.st_mtime_ns)


def test_a_failure_leaves_nothing(model_xml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model_xml: Path, sample: Any, target: Path) -> None:
        target.write_text("half a model")
        raise RuntimeError("no memory")

    monkeypatch.setattr(module, "_quantize", fail)
    before = sorted(model_xml.parent.iterdir())
    with pytest.raises(RuntimeError, match="no memory"):
        quantize_once(model_xml, random_images())
    assert [path for path in sorted(model_xml.parent.iterdir()) if path.name != ".int8.lock"] == before


def test_it_is_logged_and_nncf_prints_nothing(
    model_xml: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        quantize_once(model_xml, random_images())
    first, last = [record.getMessage() for record in caplog.records if record.name == module.__name__]
    assert first.startswith("quantizing the model to int8, once, with 30 images")
    assert last.startswith("quantized the model in ")
    printed = "".join(capfd.readouterr()).splitlines()  # with our own lines where Airflow has set its logging up
    assert [line for line in printed if first not in line and last not in line] == []


def test_nncf_is_not_imported_before_it_is_needed() -> None:
    """Executors import the engines and the UDF, and do not have NNCF."""
    code = "import sys, image_scoring.driver.job, image_scoring.worker.udf; "
    code += "import image_scoring.model.engines.openvino_engine; "
    code += "sys.exit('nncf' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], env=project_path(), check=True)


def test_nncf_sends_no_usage_data(model_xml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this variable NNCF may send usage data."""
    monkeypatch.setenv("NNCF_CI", "")
    monkeypatch.delenv("NNCF_CI")
    quantize_once(model_xml, random_images(2))
    assert os.environ["NNCF_CI"] == "1"

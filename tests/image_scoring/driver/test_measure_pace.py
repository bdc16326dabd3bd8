"""The cost of an image on one core, with a real engine and real images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from batch_predictions.manifest import build_manifest
from image_scoring.driver import measure_pace, scoring
from image_scoring.driver.measure_pace import main, measure
from image_scoring.worker.image_scorer import ImageScorer
from run_contract.arguments import JobArguments
from run_contract.layout import Workspace
from run_contract.record import parse_record
from run_contract.records.dataset import DatasetRecord
from run_contract.records.plan import PaceMeasurementRecord
from tests.helpers import LABELS, draw
from tests.image_scoring.brightness_model import SPEC, save_brightness


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobArguments:
    """The arguments of a run whose model is already converted."""
    choice = save_brightness(tmp_path / "converted" / "model.xml")
    monkeypatch.setattr(scoring, "choose_engine", lambda *_: choice)
    monkeypatch.setattr(measure_pace, "load_spec", lambda _: (SPEC, "beside the model"))
    return JobArguments(str(tmp_path / "workspace"), "r", "model.h5")


def make_manifest(arguments: JobArguments, images: int) -> None:
    root = Path(arguments.workspace).parent / "images"
    for number in range(images):
        draw(root / f"{number:03d}.png")
    dataset = DatasetRecord(str(root), str(root), "test")
    build_manifest(Workspace(Path(arguments.workspace)).run("r"), dataset, LABELS)


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The paths of the scored images, call by call."""
    calls: list[list[str]] = []
    score = ImageScorer.score

    def recording(self: ImageScorer, paths: Any, sizes: Any, stamps: Any) -> Any:
        calls.append(list(paths))
        result = score(self, paths, sizes, stamps)
        assert set(result["status"]) == {"predicted"}
        return result

    monkeypatch.setattr(ImageScorer, "score", recording)
    return calls


def test_the_cost_is_the_mean_of_a_sample_after_a_warm_up(arguments: JobArguments, scored: list[list[str]]) -> None:
    make_manifest(arguments, 108)
    ticks = iter([100.0, 103.2])
    measured = measure(arguments, lambda: next(ticks))
    assert measured.core_seconds_per_row == pytest.approx(0.1)
    assert (measured.images, measured.engine, measured.precision) == (32, "openvino", "f32")
    assert [len(call) for call in scored] == [4, 32]
    numbers = [int(path[:3]) for call in scored for path in call]
    assert numbers == list(range(1, 108, 3))


@pytest.mark.parametrize(("images", "measured"), [(1, 1), (4, 4), (5, 1), (36, 32)])
def test_few_images_are_measured_too(images: int, measured: int, arguments: JobArguments) -> None:
    make_manifest(arguments, images)
    result = measure(arguments)
    assert result.images == measured
    assert result.core_seconds_per_row > 0


def test_the_measurement_is_the_last_line(arguments: JobArguments, capsys: pytest.CaptureFixture[str]) -> None:
    make_manifest(arguments, 5)
    assert main(arguments.to_argv()) == 0
    assert parse_record(PaceMeasurementRecord, capsys.readouterr().out.splitlines()[-1].encode()).images == 1


def test_a_model_that_is_refused_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "model.h5"
    model.write_bytes(b"not a model")
    arguments = JobArguments(str(tmp_path / "workspace"), "r", str(model))
    make_manifest(arguments, 5)
    assert main(arguments.to_argv()) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = [line for line in printed.err.splitlines() if line.startswith("model ")]
    assert "not a Keras model" in line

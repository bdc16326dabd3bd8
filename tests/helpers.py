"""What several tests need: images, runs with a manifest, predictions written by hand, small Keras models."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from batch_predictions.manifest import build_manifest
from image_scoring.model.spec import ModelSpec
from run_contract.files import sha256_of
from run_contract.layout import RunPaths, Workspace, shard_name
from run_contract.records.dataset import DatasetRecord
from run_contract.table import PREDICTED, PREDICTION_COLUMNS

REPOSITORY = Path(__file__).parents[1]
SAMPLE = REPOSITORY / "sample" / "images"
MODEL = REPOSITORY / "models" / "cats_vs_dogs.h5"
LABELS = ("Cat", "Dog")
MODEL_ID = "cats_vs_dogs@727dcc9b8707"

PATIENCE = 60.0  # seconds for what takes one or two, because the machine may be busy

PREDICTION_SCHEMA = pa.schema(
    [(name, pa.float32() if name == "probability" else pa.string()) for name in PREDICTION_COLUMNS]
)


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.02)


def noise(height: int = 20, width: int = 24, channels: int = 3, seed: int = 20) -> np.ndarray[Any, Any]:
    """Return random pixels (height, width, channels)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def random_images(count: int = 140) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Return preprocessed images (16, 16, 3), for the models of save_model."""
    generator = np.random.default_rng(20)
    return list(generator.uniform(-1, 1, (count, 16, 16, 3)).astype(np.float32))


def draw(path: Path, seed: int = 20) -> Path:
    """Write a small image to `path`, in the format of its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(seed=seed)).save(path)
    return path


def make_run(root: Path, names: Sequence[bytes | str], key: str = "20260101T000000Z") -> tuple[Workspace, RunPaths]:
    """Return a workspace below `root` and its only run, whose manifest lists images with these names."""
    images = root / "images"
    for name in names:
        path = Path(os.fsdecode(os.fsencode(images) + b"/" + os.fsencode(name)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not read by these tests")
    workspace = Workspace(root / "workspace")
    run = workspace.run(key)
    dataset = DatasetRecord(source=str(images), root=str(images), content_id="test")
    build_manifest(run, dataset, LABELS)
    return workspace, run


def manifest_paths(run: RunPaths, shard: int = 0) -> list[str]:
    paths: list[str] = pq.read_table(run.manifest / shard_name(shard)).column("img_path").to_pylist()
    return paths


def predicted(img_path: str, **changes: Any) -> dict[str, Any]:
    """Return a good row of the predictions, except for `changes`."""
    row = {"img_path": img_path, "prediction": "Cat", "probability": 0.25, "status": PREDICTED, "error": None}
    return {**row, "model": MODEL_ID, **changes}


def write_predictions(run: RunPaths, rows: Sequence[Mapping[str, Any]], shard: int = 0) -> Path:
    run.predictions.mkdir(parents=True, exist_ok=True)
    target = run.predictions / shard_name(shard)
    pq.write_table(pa.Table.from_pylist(list(rows), PREDICTION_SCHEMA), target)
    return target


def save_model(path: Path, units: int = 1, activation: str | None = "sigmoid", size: int = 16) -> Path:
    """Save a tiny Keras model for images of size x size, in the format of its name."""
    import keras

    keras.utils.set_random_seed(20)
    layers = [
        keras.Input((size, size, 3)),
        keras.layers.Conv2D(4, 3),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(units, activation=activation),
    ]
    keras.Sequential(layers).save(path)
    return path


def spec_of(model: Path, labels: tuple[str, ...] = LABELS, size: int = 16) -> ModelSpec:
    return ModelSpec(name=model.stem, sha256=sha256_of(model), input_size=(size, size), labels=labels)

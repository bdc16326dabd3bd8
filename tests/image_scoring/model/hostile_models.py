"""Small models of each library and ending, changed into hostile ones."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tf_keras

from image_scoring.model.engine_selection import choose_engine
from run_contract.errors import BatchPredictionsError
from run_contract.layout import Workspace
from tests.helpers import spec_of

LIBRARIES = {"keras": keras, "tf_keras": tf_keras}
FILES = [("tf_keras", "h5"), ("tf_keras", "keras"), ("keras", "h5"), ("keras", "keras")]
SMALL = np.zeros((2, 4, 4, 3), np.float32)


def build(library: ModuleType, *first: Any) -> Any:
    layers = [library.layers.Flatten(), library.layers.Dense(1, activation="sigmoid")]
    return library.Sequential([library.Input((4, 4, 3)), *first, *layers])


def refused(model: Path, tmp_path: Path, cause: str, engine: str = "tensorflow") -> None:
    with pytest.raises(BatchPredictionsError, match=cause) as error:
        choose_engine(Workspace(tmp_path / "workspace"), model, spec_of(model, size=4), engine, "f32", SMALL)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("model ")


def rewrite(path: Path, change: Callable[[str], str]) -> Path:
    """Change the text of a model's config."""
    if path.suffix == ".h5":
        with h5py.File(path, "a") as file:
            config = file.attrs["model_config"]
            file.attrs["model_config"] = change(config if isinstance(config, str) else config.decode())
        return path
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = change(members["config.json"].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def replace_weights(source: Path, target: Path, weights: Path) -> None:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name != "model.weights.h5":
                new.writestr(name, old.read(name))
        new.write(weights, "model.weights.h5")

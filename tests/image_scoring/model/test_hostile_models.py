"""Model files made with the real libraries that a check and a loader could take for different things."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import tf_keras
from numpy.typing import NDArray

from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.model_file import private_copy
from image_scoring.model.safety import check_model_safe
from run_contract.errors import BatchPredictionsError
from run_contract.layout import Workspace
from tests.helpers import spec_of
from tests.image_scoring.model.hostile_models import FILES, LIBRARIES, SMALL, build, refused, replace_weights, rewrite

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    """A file that only the code in a model writes; it must not be there at the end."""
    path = tmp_path / "marker"
    yield path
    assert not path.exists()


def save_lambda(path: Path, marker: Path) -> Path:
    """Save a Keras 2 model with a Lambda layer that writes the marker when it is loaded."""
    code = eval(f"lambda x: (open({str(marker)!r}, 'w').close(), x)[1]")
    build(tf_keras, tf_keras.layers.Lambda(code)).save(path)
    marker.unlink()  # written when the model was built
    return path


# Two things in one file


def append_zip(path: Path, harmless: Path) -> None:
    with zipfile.ZipFile(harmless) as source, zipfile.ZipFile(path, "a") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))


def behind_user_block(path: Path, size: int) -> None:
    """Move the HDF5 content of a file to offset `size`, and let the file begin like a zip archive."""
    old = path.rename(path.with_name("old.h5"))
    with h5py.File(old) as source, h5py.File(path, "w", userblock_size=size) as target:
        for name in source:
            source.copy(name, target)
        for name, value in source.attrs.items():
            target.attrs[name] = value
    with open(path, "r+b") as file:
        file.write(b"PK\x03\x04")


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model"])
@pytest.mark.parametrize("user_block", [0, 512, 4096])
def test_hdf5_with_a_zip_appended(
    name: str, user_block: int, marker: Path, plain: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    path = save_lambda(tmp_path / "made.h5", marker)
    if user_block:
        behind_user_block(path, user_block)
    append_zip(path, plain["keras", "keras"])
    refused(path.rename(tmp_path / name), tmp_path, "an HDF5 file and a zip file at once")


@pytest.mark.parametrize("engine", ["auto", "tensorflow"])
@pytest.mark.parametrize(("ending", "other"), [("h5", "keras"), ("keras", "h5"), ("keras", "hdf5"), ("h5", "KERAS")])
def test_a_name_that_ends_like_the_other_format(
    ending: str, other: str, engine: str, plain: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    path = tmp_path / f"model.{other}"
    shutil.copy(plain["tf_keras", ending], path)
    refused(path, tmp_path, rf"its name ends in \.{other}, its content is that of a \.{ending} file", engine)


# Other bytes for the loader than for the check


def test_a_model_that_is_replaced_between_check_and_load(
    marker: Path, plain: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    path = tmp_path / "model.h5"
    shutil.copy(plain["tf_keras", "h5"], path)
    spec = spec_of(path, size=4)

    def replace() -> Iterator[NDArray[np.float32]]:
        save_lambda(path, marker)
        yield from SMALL

    with pytest.raises(BatchPredictionsError, match=r"its sha256 is .*…, expected .*…: it was replaced"):
        choose_engine(Workspace(tmp_path), path, spec, "auto", "f32", replace())


@pytest.mark.parametrize("known", [True, False])
def test_a_worker_checks_what_it_loads(
    known: bool, marker: Path, plain: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    path = save_lambda(tmp_path / "model.h5", marker)
    sha256 = spec_of(plain["tf_keras", "h5"]).sha256 if known else None
    with pytest.raises(BatchPredictionsError, match="was replaced" if known else "holds a Lambda layer"):
        open_engine(EngineChoice("tensorflow", "f32", str(path), sha256=sha256)).predict(SMALL)


def test_the_copy_is_private_and_is_removed(plain: dict[tuple[str, str], Path]) -> None:
    with private_copy(plain["keras", "h5"], None) as (copy, _):
        assert copy.parent.stat().st_mode & 0o777 == 0o700
        assert copy.read_bytes() == plain["keras", "h5"].read_bytes()
    assert not copy.parent.exists()


# The same content, read differently


def nest(text: str) -> str:
    return text[:-1] + ', "more": ' + "[" * 50_000 + "]" * 50_000 + "}"


CONFIGS: dict[str, tuple[Callable[[str], str], str]] = {
    "key twice": (lambda text: '{"class_name": "Lambda", ' + text[1:], "key 'class_name' twice"),
    "inner key twice": (lambda text: text.replace('"units":', '"units": 1, "units":'), "key 'units' twice"),
    "escaped key twice": (lambda text: '{"class\\u005fname": "A", ' + text[1:], "key 'class_name' twice"),
    "invisible": (lambda text: text.replace('"Dense"', '"Dense\\u200b"'), r"class_name 'Dense\\u200b' is not a plain"),
    "cyrillic": (lambda text: text.replace('"Dense"', '"D\\u0435nse"'), r"class_name 'D\\u0435nse' is not a plain"),
    "newline": (lambda text: text.replace('"Dense"', '"Dense\\n"'), r"class_name 'Dense\\n' is not a plain"),
    "no name": (lambda text: text.replace('"Dense"', '["Lambda"]'), r"class_name \['Lambda'\] is not a plain"),
    "module": (lambda text: text[:-1] + ', "x": {"module": "keras\\u00ad"}}', r"module 'keras\\xad' is not a plain"),
    "nested": (nest, "not valid JSON|without a readable Keras config.json"),
}


@pytest.mark.parametrize("case", CONFIGS)
@pytest.mark.parametrize(("library", "ending"), FILES)
def test_a_config_that_readers_could_take_differently(
    library: str, ending: str, case: str, plain: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    change, cause = CONFIGS[case]
    path = Path(shutil.copy(plain[library, ending], tmp_path / f"model.{ending}"))
    refused(rewrite(path, change), tmp_path, cause)


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("config.json", "member 'config.json' is there twice"),
        ("Config.json", "member 'Config.json' is there twice"),
        ("model.weights.h5", "member 'model.weights.h5' is there twice"),
        ("config.json ", "member 'config.json ' is not a plain name"),
        ("config.json\t", r"member 'config.json\\t' is not a plain name"),
        ("config.json\u200b", r"member 'config.json\\u200b' is not a plain name"),
        ("config.json?", r"member 'config.json\\x00' is not a plain name"),
    ],
)
def test_members_that_readers_could_take_for_each_other(
    library: str, name: str, cause: str, plain: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(plain[library, "keras"], tmp_path / "model.keras"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, json.dumps({"class_name": "Lambda"}))
    path.write_bytes(path.read_bytes().replace(b"config.json?", b"config.json\0"))
    refused(path, tmp_path, cause)


def test_nested_metadata_is_ignored(plain: dict[tuple[str, str], Path], tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(plain["keras", "keras"]) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, b"[" * 100_000 if name == "metadata.json" else source.read(name))
    check_model_safe(path)


def test_weights_in_a_keras_file_that_link_to_another_file(plain: dict[tuple[str, str], Path], tmp_path: Path) -> None:
    path, weights = tmp_path / "model.keras", tmp_path / "weights.h5"
    with h5py.File(weights, "w") as file:
        file["layers"] = h5py.ExternalLink("/etc/other.h5", "/")
    replace_weights(plain["keras", "keras"], path, weights)
    refused(path, tmp_path, "entry 'layers' links to another file")


# What is no file


@pytest.mark.parametrize("kind", ["pipe", "directory"])
@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_what_is_no_file_does_not_hang(kind: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    cause = "not a regular file" if kind == "pipe" else "Is a directory"
    with pytest.raises(BatchPredictionsError, match=rf"model {path}: cannot be read \({cause}\)"):
        check_model_safe(path)

"""A model file as bytes: its format, its name, and a private copy of it. Standard library only."""

from __future__ import annotations

import hashlib
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from run_contract.errors import BatchPredictionsError
from run_contract.files import open_regular

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ZIP_SIGNATURE = b"PK\x03\x04"
FIRST_USER_BLOCK = 512
FORMULA_SIGNS = "=+-@"
# Control characters, lone surrogates, separators of lines and paragraphs, and invisible characters.
UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp", "Cf"}
JOINERS = "\u200c\u200d"  # invisible, but a part of words in some scripts and of emoji


class ModelFormat(StrEnum):
    """The two formats; the value is the ending by which Keras 3 chooses its loader."""

    HDF5 = ".h5"
    KERAS = ".keras"


ENDINGS = {".h5": ModelFormat.HDF5, ".hdf5": ModelFormat.HDF5, ".keras": ModelFormat.KERAS}


def refuse(model: Path, cause: str) -> BatchPredictionsError:
    """Return the error for a model that is not used."""
    return BatchPredictionsError(f"model {model}: {cause}; give a Keras .h5 or .keras file with MODEL= or Param model")


def find_unsafe_text(text: str) -> str | None:
    """Return why a text must not reach a terminal or a spreadsheet, or None for a text that may."""
    if not text.strip():
        return "has only spaces"
    if any(unicodedata.category(char) in UNPRINTABLE and char not in JOINERS for char in text):
        return "has control characters or invisible characters"
    # A spreadsheet takes the full-width signs as well, which NFKC turns into the usual ones.
    if unicodedata.normalize("NFKC", text).lstrip()[:1] in FORMULA_SIGNS:
        return f"begins with one of {' '.join(FORMULA_SIGNS)}, as a formula does"
    return None


def check_name(model: Path) -> None:
    """Raise BatchPredictionsError for a file name that must not reach the column `model` of the predictions."""
    if cause := find_unsafe_text(model.name):
        raise BatchPredictionsError(f"model {model.name!a}: its file name {cause}; rename it")


def model_format(model: Path) -> ModelFormat:
    """Return the format of a model file, by its content. Raises BatchPredictionsError.

    HDF5 looks for its signature at 0, 512, 1024, 2048, ...; a zip archive is found from its end. A file that is both,
    or whose name ends like the other format, would be one thing to a check and another to a loader: it is refused.
    """
    try:
        with open_regular(model) as file:
            head = file.read(8)
            hdf5 = _is_hdf5(file)
            archive = zipfile.is_zipfile(file)
    except FileNotFoundError:
        raise refuse(model, "no such file") from None
    except OSError as error:
        raise refuse(model, f"cannot be read ({error.strerror})") from None
    if hdf5 and archive:
        raise refuse(model, "it is an HDF5 file and a zip file at once")
    if head[:4] == ZIP_SIGNATURE and not archive:
        raise refuse(model, "the .keras file is cut short")
    if head != HDF5_SIGNATURE and head[:4] != ZIP_SIGNATURE:
        raise refuse(model, "not a Keras model (neither an HDF5 nor a .keras file)")
    found = ModelFormat.HDF5 if hdf5 else ModelFormat.KERAS
    if ENDINGS.get(model.suffix.lower(), found) is not found:
        raise refuse(model, f"its name ends in {model.suffix}, its content is that of a {found} file")
    return found


def _is_hdf5(file: BinaryIO) -> bool:
    """Return whether the HDF5 library finds its signature in a file."""
    offset, size = 0, file.seek(0, 2)
    while offset < size:
        file.seek(offset)
        if file.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE:
            return True
        offset = offset * 2 or FIRST_USER_BLOCK
    return False


@contextmanager
def private_copy(model: Path, sha256: str | None) -> Iterator[tuple[Path, ModelFormat]]:
    """Yield a copy of a model file in a directory that only this user can open, and its format; removed afterwards.

    What is checked and loaded there cannot be replaced in between. sha256: of the expected content; None accepts any.
    Raises BatchPredictionsError.
    """
    check_name(model)
    found = model_format(model)
    with tempfile.TemporaryDirectory(prefix="model-") as directory:
        copy = Path(directory) / f"model{found}"
        digest = _copy(model, copy)
        if sha256 not in (None, digest):
            raise refuse(model, f"its sha256 is {digest[:12]}…, expected {str(sha256)[:12]}…: it was replaced")
        if model_format(copy) is not found:
            raise refuse(model, "it was replaced while it was read")
        yield copy, found


def _copy(model: Path, target: Path) -> str:
    """Copy a file and return the sha256 of what was written."""
    digest = hashlib.sha256()
    try:
        with open_regular(model) as source, open(target, "wb") as file:
            while chunk := source.read(1 << 20):
                digest.update(chunk)
                file.write(chunk)
    except OSError as error:
        raise refuse(model, f"cannot be copied to {target.parent} ({error.strerror})") from None
    return digest.hexdigest()

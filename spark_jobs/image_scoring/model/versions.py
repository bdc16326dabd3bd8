"""The versions of the libraries that decide about a prediction's bits."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

PACKAGES = ("numpy", "pandas", "pillow", "pyarrow", "pyspark")
ENGINE_PACKAGES = {"openvino": ("openvino",), "tensorflow": ("tensorflow", "tensorflow-cpu", "keras", "tf-keras")}


def expected_versions(engine: str) -> dict[str, str]:
    """Those of Python and of the libraries that decide about a prediction's bits, here on the driver."""
    return versions(("Python", *PACKAGES, *ENGINE_PACKAGES[engine]))


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """The installed version of each package, "none" without it; of Python the first two numbers, as Spark asks."""
    found = {}
    for name in names:
        try:
            found[name] = ".".join(platform.python_version_tuple()[:2]) if name == "Python" else version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found

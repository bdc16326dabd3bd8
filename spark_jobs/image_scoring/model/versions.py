"""The versions of the libraries that affect a prediction's bits."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("numpy", "pandas", "pillow", "pyarrow", "pyspark")
ENGINE_PACKAGES = {"openvino": ("openvino",), "tensorflow": ("tensorflow", "tensorflow-cpu", "keras", "tf-keras")}
# Those that read, convert, quantize and run a Keras model on the driver.
CONVERTER_PACKAGES = (*ENGINE_PACKAGES["tensorflow"], *ENGINE_PACKAGES["openvino"], "nncf")


def expected_versions(engine: str) -> dict[str, str]:
    """Return the driver's versions of Python and of the libraries that the workers of this engine must have too."""
    return versions(("Python", *PACKAGES, *ENGINE_PACKAGES[engine]))


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """Return the installed version of each package, or "none"; of Python only major and minor, as Spark does."""
    found = {}
    for name in names:
        try:
            found[name] = ".".join(platform.python_version_tuple()[:2]) if name == "Python" else version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found

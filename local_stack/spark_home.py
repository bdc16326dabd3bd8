"""Where Spark is, without the seconds that importing pyspark takes."""

from __future__ import annotations

import importlib.util
from importlib.metadata import version
from pathlib import Path

from run_contract.files import exclusive, replace_atomically

LEAN_HOMES = Path(__file__).resolve().parents[1] / ".venv" / "share" / "spark-home"
# Each session looks for extensions on the class path. That of MLlib registers its functions, which nothing here uses,
# by reflection: most of a second of each driver's start.
LEFT_OUT = "spark-mllib"


def spark_home() -> Path:
    """The installed package."""
    found = importlib.util.find_spec("pyspark")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("pyspark is not installed; run make environment")
    return Path(found.origin).parent


def lean_spark_home(homes: Path = LEAN_HOMES) -> Path:
    """The same without MLlib: a directory of links, made once for each version."""
    home = homes / version("pyspark")
    if home.exists():  # who may only read the environment can use it all the same
        return home
    with exclusive(homes / ".lock"):
        if not home.exists():
            with replace_atomically(home) as part:
                _link(spark_home(), part)
    return home


def _link(full: Path, lean: Path) -> None:
    (lean / "jars").mkdir(parents=True)
    for path in full.iterdir():
        if path.name != "jars":
            (lean / path.name).symlink_to(path)
    for path in (full / "jars").iterdir():
        if not path.name.startswith(LEFT_OUT):
            (lean / "jars" / path.name).symlink_to(path)

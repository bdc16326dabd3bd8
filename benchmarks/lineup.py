"""Who takes part."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from run_contract.arguments import PRECISIONS

OURS = "ours"


@dataclass(frozen=True)
class Contender:
    """One way to do the job.

    module: in benchmarks/contenders. most: measure on at most so many images and extrapolate; None for all.
    slowest: images a second below which it is given up. package: what must be installed for it.
    """

    name: str
    title: str
    module: str
    slowest: float
    most: int | None = None
    precision: str = "f32"
    package: str = ""

    @property
    def missing(self) -> str:
        """Why it cannot take part here, or nothing."""
        if self.precision not in PRECISIONS:
            return f"image_scoring has no precision {self.precision}"
        if self.package and not _is_installed(self.package):
            return "not installed"
        return ""


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent is not there
        return False


CONTENDERS = (
    Contender("for_loop", "for-loop, Keras, one image at a time", "for_loop", slowest=2, most=200),
    Contender("notebook", "notebook: Pandas UDF, Keras, lists, batches of 5", "notebook", slowest=1, most=300),
    Contender("predict_batch_udf", "predict_batch_udf, Keras, batches of 64", "predict_batch", slowest=5),
    Contender("ours", "this project", OURS, slowest=20),
    Contender("ours_cascade", "this project, --precision=cascade", OURS, slowest=20, precision="cascade"),
    Contender("bare", "the limit: bare processes", "bare", slowest=20),
    Contender("bare_bf16", "bare processes in bf16 (labels differ)", "bare", slowest=20, precision="bf16"),
    Contender("dask", "Dask, our engine", "with_dask", slowest=20, package="distributed"),
    Contender("ray", "Ray Data, our engine", "with_ray", slowest=20, package="ray"),
    Contender("beam", "Apache Beam, our engine", "with_beam", slowest=20, package="apache_beam"),
    Contender("daft", "Daft, our engine", "with_daft", slowest=20, package="daft"),
)

"""The command line of the prediction job."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields

ENGINES = ("auto", "openvino", "tensorflow")
PRECISIONS = ("f32", "bf16", "int8", "cascade")
BOOLEANS = ("true", "false")


@dataclass(frozen=True)
class JobArguments:
    """The arguments of spark_jobs/predict.py.

    workspace: directory that the driver and the executors share. run_key: of a run with a manifest. model: path of the
    Keras file. only_new: whether the results of unchanged images are carried over from the published run.
    image_timeout: seconds after which an image counts as hung.
    """

    workspace: str
    run_key: str
    model: str
    engine: str = "auto"
    precision: str = "f32"
    only_new: bool = False
    image_timeout: float = 60.0

    def to_argv(self) -> list[str]:
        """Return the words of the command line, which `parse` turns back into the arguments."""
        # One word for each argument, --name=value, so that a value may start with a dash.
        return [f"--{field.name.replace('_', '-')}={_to_word(getattr(self, field.name))}" for field in fields(self)]

    @classmethod
    def parse(cls, argv: list[str]) -> JobArguments:
        """Return the arguments in the words of a command line. Exits with status 2 when they are wrong."""
        parser = argparse.ArgumentParser(prog="predict.py", allow_abbrev=False)
        parser.add_argument("--workspace", required=True, help="directory that the driver and the executors share")
        parser.add_argument("--run-key", required=True, help="the run below workspace/runs/")
        parser.add_argument("--model", required=True, help="Keras model file (.h5, .keras)")
        parser.add_argument("--engine", choices=ENGINES, default="auto")
        parser.add_argument("--precision", choices=PRECISIONS, default="f32")
        parser.add_argument("--only-new", choices=BOOLEANS, default="false", help="reuse results of unchanged images")
        parser.add_argument("--image-timeout", type=float, default=60.0, help="seconds until an image counts as hung")
        values = vars(parser.parse_args(argv))
        return cls(**{**values, "only_new": values["only_new"] == "true"})


def _to_word(value: str | bool | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

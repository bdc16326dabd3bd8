"""What every contender is asked to do. Standard library only, so that it costs nobody start-up time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """Label these images.

    root: directory that `images` are relative to. model: the Keras file; model_xml: the same converted to OpenVINO.
    labels: the negative and the positive one. precision: of the OpenVINO engine, for those that use it. cores: how
    many to use. master: URL of a Spark master that is up and idle. answer: the JSON file where the labels go.
    """

    root: str
    images: list[str]
    model: str
    model_xml: str
    labels: tuple[str, str]
    precision: str
    cores: int
    master: str
    answer: str

    @property
    def paths(self) -> list[str]:
        return [f"{self.root}/{image}" for image in self.images]

    def name(self, probability: float) -> str:
        """The label for the output of the model's sigmoid."""
        return self.labels[int(probability > 0.5)]

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def run(predict: Callable[[Job], list[str]]) -> None:
    """The main of a contender: reads the job that the command line names, writes its labels in the job's order."""
    job = Job(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    Path(job.answer).write_text(json.dumps(predict(job)), encoding="utf-8")

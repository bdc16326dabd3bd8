"""Apache Beam on local processes, with this project's engine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from benchmarks.contenders.classifier import Classifier
from benchmarks.contenders.job import Job, run


class Label(beam.DoFn):
    def __init__(self, model: str, model_xml: str) -> None:
        self._files = (model, model_xml)

    def setup(self) -> None:
        self._classifier = Classifier(*self._files)

    def process(self, path: str) -> Iterator[str]:
        yield f"{self._classifier.label(path)}\t{path}"


def predict(job: Job) -> list[str]:
    options = PipelineOptions(
        runner="DirectRunner", direct_running_mode="multi_processing", direct_num_workers=job.cores
    )
    with tempfile.TemporaryDirectory() as directory:
        with beam.Pipeline(options=options) as pipeline:
            images = pipeline | beam.Create(job.paths) | beam.Reshuffle()
            _ = images | beam.ParDo(Label(job.model, job.model_xml)) | beam.io.WriteToText(f"{directory}/labels")
        lines = [line for part in Path(directory).iterdir() for line in part.read_text().splitlines()]
    found = {path: label for label, path in (line.split("\t", 1) for line in lines)}
    return [found[path] for path in job.paths]


if __name__ == "__main__":
    run(predict)

"""Daft on local processes, with this project's engine."""

from __future__ import annotations

import daft

from benchmarks.contenders.classifier import Classifier
from benchmarks.contenders.job import Job, run


class Labeller:
    """One in each process."""

    def __init__(self, model: str, model_xml: str) -> None:
        self._classifier = Classifier(model, model_xml)

    @daft.method.batch(return_dtype=daft.DataType.string(), batch_size=32)
    def label(self, paths: daft.Series) -> list[str]:
        return [self._classifier.label(path) for path in paths.to_pylist()]


def predict(job: Job) -> list[str]:
    labeller = daft.cls(Labeller, use_process=True, max_concurrency=job.cores)(job.model, job.model_xml)
    images = daft.from_pydict({"path": job.paths}).into_batches(32)
    rows = images.select(daft.col("path"), labeller.label(daft.col("path")).alias("label")).to_pydict()
    found = dict(zip(rows["path"], rows["label"], strict=True))
    return [found[path] for path in job.paths]


if __name__ == "__main__":
    run(predict)

"""The limit: a plain process on each core with this project's engine, and nothing around it."""

from __future__ import annotations

from functools import partial
from multiprocessing import Pool

import openvino  # noqa: F401 (imported before the fork: once, not once a process)

from benchmarks.contenders.classifier import Classifier
from benchmarks.contenders.job import Job, run


def label_all(model: str, model_xml: str, precision: str, paths: list[str]) -> list[str]:
    classifier = Classifier(model, model_xml, precision)
    return [classifier.label(path) for path in paths]


def predict(job: Job) -> list[str]:
    parts = [job.paths[core :: job.cores] for core in range(job.cores)]
    with Pool(job.cores) as pool:
        answers = pool.map(partial(label_all, job.model, job.model_xml, job.precision), parts, chunksize=1)
    labels = [""] * len(job.images)
    for core, answer in enumerate(answers):
        labels[core :: job.cores] = answer
    return labels


if __name__ == "__main__":
    run(predict)

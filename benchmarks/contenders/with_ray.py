"""Ray Data on local actors, with this project's engine."""

from __future__ import annotations

from typing import Any

import ray

from benchmarks.contenders.classifier import Classifier
from benchmarks.contenders.job import Job, run


class Label:
    """One in each actor."""

    def __init__(self, model: str, model_xml: str) -> None:
        self._classifier = Classifier(model, model_xml)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"path": batch["path"], "label": [self._classifier.label(path) for path in batch["path"]]}


def predict(job: Job) -> list[str]:
    ray.init(num_cpus=job.cores, include_dashboard=False)
    images = ray.data.from_items([{"path": path} for path in job.paths], override_num_blocks=4 * job.cores)
    arguments = (job.model, job.model_xml)
    labelled = images.map_batches(Label, fn_constructor_args=arguments, concurrency=job.cores, batch_size=32)
    found = {row["path"]: row["label"] for row in labelled.iter_rows()}
    ray.shutdown()
    return [found[path] for path in job.paths]


if __name__ == "__main__":
    run(predict)

"""Dask on local processes, with this project's engine."""

from __future__ import annotations

from dask import bag
from dask.distributed import Client, LocalCluster

from benchmarks.contenders.classifier import cached_classifier
from benchmarks.contenders.job import Job, run

IMAGES_A_TASK = 32


def label_part(model: str, model_xml: str, paths: list[str]) -> list[str]:
    return [cached_classifier(model, model_xml).label(path) for path in paths]


def predict(job: Job) -> list[str]:
    with LocalCluster(n_workers=job.cores, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        parts = bag.from_sequence(job.paths, partition_size=IMAGES_A_TASK)
        labels: list[str] = parts.map_partitions(lambda part: label_part(job.model, job.model_xml, part)).compute()
    return labels


if __name__ == "__main__":
    run(predict)

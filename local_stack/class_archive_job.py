"""What spark-submit runs in the JVM whose classes are archived: a job of the shape of the real one, twice.

class_archive_job.py DIRECTORY, with a master of local-cluster: that session has the classes of a standalone master,
a worker and the driver. The second one computes inside the JVM itself, and so has those of an executor.
"""

# ruff: noqa: TID253 (it runs in spark-submit, not in Airflow)

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

# As in spark_jobs/predict.py.
sys.path.sort(key=lambda entry: entry.endswith(".zip"))

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql.functions import lit, pandas_udf

from batch_predictions.manifest import SCHEMA
from image_scoring.driver.executors import Cluster
from image_scoring.driver.manifest_schema import MANIFEST_SCHEMA
from image_scoring.driver.session import build_session
from image_scoring.worker.udf import RESULT_SCHEMA


def predict(batches: Iterator[tuple[pd.Series, pd.Series]]) -> Iterator[pd.DataFrame]:
    for paths, _ in batches:
        yield pd.DataFrame({"prediction": paths, "probability": 0.5, "status": paths, "error": paths})


def score(spark: SparkSession, manifest: Path, predictions: Path) -> None:
    udf = pandas_udf(predict, RESULT_SCHEMA).asNondeterministic()
    spark.sparkContext.setJobGroup("score", "score")
    (
        spark.read.schema(MANIFEST_SCHEMA)
        .parquet(str(manifest))
        .select("img_path", "shard", udf("img_path", "size_bytes").alias("result"))
        .select("img_path", "shard", "result.*", lit("model").alias("model"))
        .write.parquet(str(predictions))
    )
    spark.sparkContext.cancelAllJobs()


def main(directory: Path) -> None:
    manifest = directory / "manifest.parquet"
    row = {"img_path": "a", "shard": 0, "size_bytes": 1, "modified_ns": 1, "label": "b", "source": "c"}
    pq.write_table(pa.Table.from_pylist([row], SCHEMA), manifest, compression="zstd")

    spark = build_session()
    cluster = Cluster(spark)
    cluster.wait_for_executors()
    score(spark, manifest, directory / "standalone")
    cluster.tasks_done("score")
    java = spark.sparkContext._jvm.java.lang
    java.Class.forName("org.apache.spark.executor.CoarseGrainedExecutorBackend")
    spark.stop()

    java.System.setProperty("spark.master", "local[1]")
    spark = build_session()
    score(spark, manifest, directory / "local")
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

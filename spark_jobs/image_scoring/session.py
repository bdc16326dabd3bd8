"""The Spark session of the job."""

from __future__ import annotations

from pyspark.sql import SparkSession

# Larger than any shard of a manifest: with the cost of opening a file set as high, Spark never packs two
# shards into one partition and never splits one.
ONE_SHARD_A_PARTITION = str(128 * 1024 * 1024)


def build_session() -> SparkSession:
    """The session; master, name, cores and memory are spark-submit's, so that a deployment can choose them."""
    return (
        SparkSession.builder.config("spark.sql.files.maxPartitionBytes", ONE_SHARD_A_PARTITION)
        .config("spark.sql.files.openCostInBytes", ONE_SHARD_A_PARTITION)
        .config("spark.sql.parquet.compression.codec", "zstd")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.python.worker.reuse", "true")
        .getOrCreate()
    )

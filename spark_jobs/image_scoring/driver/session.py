"""The Spark session of the job."""

from __future__ import annotations

import json

from pyspark.sql import SparkSession

from image_scoring.driver.code_package import copy_packages
from image_scoring.model.versions import expected_versions
from image_scoring.worker.preflight import ENVIRONMENT
from run_contract.layout import Workspace

# Larger than any shard of a manifest. As the cost of opening a file is set to the same value, Spark neither packs two
# shards into one partition nor splits one.
ONE_SHARD_A_PARTITION = str(128 * 1024 * 1024)


def build_session() -> SparkSession:
    """Return the session. The deployment sets master, name, cores and memory with spark-submit."""
    return (
        SparkSession.builder.config("spark.sql.files.maxPartitionBytes", ONE_SHARD_A_PARTITION)
        .config("spark.sql.files.openCostInBytes", ONE_SHARD_A_PARTITION)
        # The driver lists the shards of a wave itself: a Spark job for that costs more than it saves.
        .config("spark.sql.sources.parallelPartitionDiscovery.threshold", "1000000")
        .config("spark.sql.parquet.compression.codec", "uncompressed")  # the driver writes the final files
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        # The file of a finished task is in place at once, so the driver can commit it before the wave ends.
        .config("spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version", "2")
        .config("spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
        # The plan is a scan, a UDF and a write: compiling it to Java code takes longer than it saves.
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.python.worker.reuse", "true")
        .config("spark.python.daemon.module", "image_scoring.worker.daemon")
        .getOrCreate()
    )


def equip_workers(spark: SparkSession, workspace: Workspace, engine: str) -> None:
    """Give the Python workers a copy of this code, and the driver's versions to compare theirs with."""
    environment = spark.sparkContext.environment
    environment["PYTHONPATH"] = str(copy_packages(workspace.root / "code"))
    environment[ENVIRONMENT] = json.dumps(expected_versions(engine))

"""The Spark session of the job."""

from __future__ import annotations

import importlib
import json
import sys
from contextlib import suppress
from threading import Thread

from pyspark.sql import SparkSession

from image_scoring.driver.code_package import copy_packages
from image_scoring.model.versions import expected_versions
from image_scoring.worker.preflight import ENVIRONMENT
from run_contract.layout import Workspace

# Larger than any shard of a manifest: with the cost of opening a file set as high, Spark never packs two
# shards into one partition and never splits one.
ONE_SHARD_A_PARTITION = str(128 * 1024 * 1024)


def spare_pandas() -> None:
    """Lets the session open before pandas and pyarrow are imported, half a second earlier.

    PySpark asks its test utilities whether numpy is there, and they would import all three. What they conclude of the
    other two matters to PySpark's own tests alone. Call it before anything else imports them.
    """
    absent = [name for name in ("pandas", "pyarrow") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        importlib.import_module("pyspark.testing.utils")
    finally:
        for name in absent:
            del sys.modules[name]


def build_session() -> SparkSession:
    """The session; master, name, cores and memory are spark-submit's, so that a deployment can choose them."""
    return (
        SparkSession.builder.config("spark.sql.files.maxPartitionBytes", ONE_SHARD_A_PARTITION)
        .config("spark.sql.files.openCostInBytes", ONE_SHARD_A_PARTITION)
        # A Spark job of its own to list the shards of a wave would cost more than it saves.
        .config("spark.sql.sources.parallelPartitionDiscovery.threshold", "1000000")
        .config("spark.sql.parquet.compression.codec", "uncompressed")  # the driver writes the final files
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        # A finished task's file is in place at once, for the driver to commit while the wave goes on.
        .config("spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version", "2")
        .config("spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
        # The plan is a scan, a UDF and a write: compiling it to Java code takes longer than it saves.
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.python.worker.reuse", "true")
        .config("spark.python.daemon.module", "image_scoring.worker.daemon")
        .getOrCreate()
    )


def stop_session(spark: SparkSession) -> None:
    """Gives the cores back. PySpark's own stop() then waits up to a second for the server of Python accumulators,
    which ends with this process anyway."""
    spark.sparkContext._jsc.stop()


def equip_workers(spark: SparkSession, workspace: Workspace, engine: str) -> None:
    """Gives the Python workers this very package, and the driver's versions to compare theirs with."""
    environment = spark.sparkContext.environment
    environment["PYTHONPATH"] = str(copy_packages(workspace.root / "code"))
    environment[ENVIRONMENT] = json.dumps(expected_versions(engine))
    # Spark sets it for the workers of a UDF alone, and shares workers between equal environments only.
    environment["SPARK_SIMPLIFIED_TRACEBACK"] = "1"


def wake_workers(spark: SparkSession) -> None:
    """Has an executor start its Python workers, as soon as it is there. Returns at once.

    They take as long as the driver's first plan. Whatever prevents them is told by the tasks that need them.
    """

    def run_task() -> None:
        with suppress(Exception):
            spark.sparkContext.parallelize([0], 1).foreach(id)

    Thread(target=run_task, name="wakes the workers", daemon=True).start()

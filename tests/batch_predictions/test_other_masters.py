"""Other clusters: the connection alone decides the master that spark-submit gets."""

from __future__ import annotations

import pytest
from airflow.providers.apache.spark.hooks import spark_submit

from batch_predictions.spark_master import load_spark_master

MASTERS = {
    "spark://spark.example.com:7077": "spark://spark.example.com:7077",
    '{"conn_type": "spark", "host": "spark://one:7077,two:7077"}': "spark://one:7077,two:7077",
    "spark://yarn": "yarn",
    '{"conn_type": "spark", "host": "k8s://https://api.example.com:6443"}': "k8s://https://api.example.com:6443",
}


@pytest.mark.parametrize(("connection", "master"), MASTERS.items())
def test_the_connection_names_the_master(connection: str, master: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A stand-in for the package kubernetes, which the provider requires for such a master.
    monkeypatch.setattr(spark_submit, "kube_client", object(), raising=False)
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", connection)
    assert load_spark_master().url == master
    hook = spark_submit.SparkSubmitHook(properties_file="/secrets/spark.conf")
    command = hook._build_spark_submit_command("predict.py")
    assert command[:3] == ["spark-submit", "--master", master]
    assert command[command.index("--properties-file") + 1] == "/secrets/spark.conf"
    assert command[-1] == "predict.py"

"""The environment of a stack's processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from local_stack.addresses import Addresses
from local_stack.airflow_api import ANSWER_SECONDS
from local_stack.environment import DATABASE_SECONDS, make_environment
from local_stack.layout import Layout
from local_stack.options import Options

ADDRESSES = Addresses(airflow=1, master=2, master_web=3, workers=(4,))
OF_THE_LOCAL_CLUSTER = ("BATCH_PREDICTIONS_SPARK_PROPERTIES", "SPARK_LOCAL_IP")


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    for name in (*OF_THE_LOCAL_CLUSTER, "AIRFLOW_CONN_SPARK_DEFAULT"):
        monkeypatch.delenv(name, raising=False)
    layout = Layout(tmp_path)
    layout.root.mkdir()
    return layout


def test_without_a_connection_of_the_caller_the_local_cluster_is_used(layout: Layout) -> None:
    environment = make_environment(layout, Options(layout.workspace), ADDRESSES, "")
    assert set(OF_THE_LOCAL_CLUSTER) <= set(environment)
    assert "spark://127.0.0.1:2" in environment["AIRFLOW_CONN_SPARK_DEFAULT"]


def test_a_cluster_of_the_caller_gets_no_setting_of_the_local_one(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", "spark://far:7077")
    monkeypatch.setenv("BATCH_PREDICTIONS_SPARK_PROPERTIES", "/their/properties")
    environment = make_environment(layout, Options(layout.workspace), ADDRESSES, "")
    assert environment["AIRFLOW_CONN_SPARK_DEFAULT"] == "spark://far:7077"
    assert environment["BATCH_PREDICTIONS_SPARK_PROPERTIES"] == "/their/properties"
    assert not {"SPARK_CONF_DIR", "SPARK_LOCAL_IP"} & set(environment)


def test_airflow_waits_for_its_database_but_not_longer_than_its_clients_wait_for_airflow(layout: Layout) -> None:
    environment = make_environment(layout, Options(layout.workspace), ADDRESSES, "")
    url = make_url(environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    (path,), options = url.get_dialect()().create_connect_args(url)
    assert path == str(layout.airflow_home / "airflow.db")
    assert options["timeout"] == DATABASE_SECONDS < ANSWER_SECONDS


def test_alerts_are_sent_where_the_caller_wants_them(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BATCH_PREDICTIONS_ALERTS", "smtp://mail:25")
    monkeypatch.setenv("AIRFLOW_CONN_SOMETHING_ELSE", "http://elsewhere")
    environment = make_environment(layout, Options(layout.workspace), ADDRESSES, "")
    assert environment["AIRFLOW_CONN_BATCH_PREDICTIONS_ALERTS"] == "smtp://mail:25"
    assert "AIRFLOW_CONN_SOMETHING_ELSE" not in environment

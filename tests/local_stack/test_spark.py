"""The settings that all roles of Spark share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from local_stack.spark import inherited_environment, spark_environment, spark_home, spark_properties


def test_spark_is_the_installed_package_and_is_found_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pyspark", raising=False)
    home = spark_home()
    assert "pyspark" not in sys.modules
    assert (home / "bin" / "spark-submit").is_file()
    assert list((home / "jars").glob("spark-core_*.jar"))


def test_spark_reads_its_secret_from_the_properties_file_alone(tmp_path: Path) -> None:
    assert "secret" not in " ".join(spark_environment(tmp_path, tmp_path, tmp_path))
    assert "spark.authenticate.secret s3cret\n" in spark_properties("s3cret", tmp_path)


def test_driver_and_executors_get_the_same_java_options() -> None:
    text = spark_properties("s3cret", Path("/with space"))
    properties = dict(line.split(" ", 1) for line in text.splitlines())
    for role in ("driver", "executor"):
        options = properties[f"spark.{role}.extraJavaOptions"]
        assert '"-Djava.io.tmpdir=/with space"' in options
        assert "-XX:+UseSerialGC" in options


def test_settings_of_another_spark_are_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_CONF_DIR", "/etc/spark")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("LANG", "C.UTF-8")
    environment = inherited_environment()
    assert "SPARK_CONF_DIR" not in environment
    assert "PYTHONPATH" not in environment
    assert environment["LANG"] == "C.UTF-8"
